// fuzz: src/spool/record.cpp base

// Cells of the spool file, as they are and with their checksum set right: what counts as filled is, byte for byte, what
// we would have written, and one flipped bit of it is damage.

#include <algorithm>

#include "spool/record.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::spool;

constexpr std::size_t kHeader = 24;
constexpr std::size_t kChecksum = 20;  // where it stands; the length stands before it

void judge(const Bytes& cell) {
  const Decoded decoded = decode(cell);
  if (decoded.state != CellState::filled) return;
  const Bytes written = encode(decoded.record);
  CHECK(written.size() <= cell.size());
  CHECK(std::equal(written.begin(), written.end(), cell.begin()));
  Bytes flipped = cell;
  const std::size_t bit = (written.size() * 2654435761U) % (written.size() * 8);
  flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
  CHECK(decode(flipped).state == CellState::damaged);
}

/// Else hardly any input would get beyond the checksum.
void set_checksum(Bytes& cell) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) length |= std::size_t{cell[kChecksum - 4 + i]} << (8 * i);
  Bytes covered(cell.begin(), cell.begin() + kChecksum);
  const std::size_t end = kHeader + std::min(length, cell.size() - kHeader);
  covered.insert(covered.end(), cell.begin() + kHeader, cell.begin() + static_cast<std::ptrdiff_t>(end));
  const std::uint32_t sum = crc32c(covered);
  for (std::size_t i = 0; i < 4; ++i) cell[kChecksum + i] = static_cast<std::uint8_t>(sum >> (8 * i));
}

}  // namespace

FUZZ(input) {
  Bytes cell = to_bytes(input);
  judge(cell);
  if (cell.size() < kHeader) return;
  set_checksum(cell);
  judge(cell);
}
