// fuzz: src/audit/counts_file.cpp base

// What a killed process, or a power failure, left of a counts file: first byte how many of the pieces that follow are
// slots of it, the rest are the journal. A piece is 168 bytes; one that begins with '=' gets the hash that belongs to
// it. What is taken over is sound.

#include <algorithm>
#include <cstring>

#include "audit/counts_file.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::audit;

constexpr std::size_t kPiece = sizeof(TallySlot);
constexpr std::size_t kHead = 4096;

Bytes header(std::uint8_t slots) {
  Bytes file(kHead);
  constexpr std::string_view head = "KFcount1";
  std::copy(head.begin(), head.end(), file.begin());
  file[8] = slots;
  file[12] = kPiece;
  return file;
}

Bytes piece_of(std::string_view text) {
  Bytes bytes = to_bytes(text);
  if (text.front() != '=') return bytes;
  TallySlot slot;
  std::memcpy(&slot, bytes.data(), sizeof slot);
  if (slot.kind > TallyKind::refused || std::size_t{slot.actor} + slot.app + slot.object > TallySlot::kText)
    return bytes;
  slot.hash = TallySlot::hash_of(slot.key(), slot.minute);
  std::memcpy(bytes.data(), &slot, sizeof slot);
  return bytes;
}

}  // namespace

FUZZ(input) {
  (void)read_counts(as_bytes(input));
  if (input.empty()) return;
  const auto slots = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  Bytes file = header(slots);
  for (; input.size() >= kPiece; input.remove_prefix(kPiece)) {
    const Bytes piece = piece_of(input.substr(0, kPiece));
    file.insert(file.end(), piece.begin(), piece.end());
  }
  file.resize(std::max(file.size(), kHead + slots * kPiece));
  const Bytes torn = to_bytes(input);
  file.insert(file.end(), torn.begin(), torn.end());
  const auto left = read_counts(file);
  CHECK(left.has_value());
  for (const TallySlot& slot : left->counts) CHECK(slot.is_sound() && slot.count != 0 && slot.hash != 0);
}
