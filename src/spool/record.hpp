#pragma once
// The bytes of one spool cell (docs/spec/spool.md): a KeptPair with its sequence number and a CRC-32C. Pure.

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "core/kept_pair.hpp"

namespace keyfob::spool {

/// CRC-32C (Castagnoli), RFC 3720 appendix B.4.
[[nodiscard]] std::uint32_t crc32c(ByteView bytes);

struct Record {
  std::uint64_t sequence = 0;
  KeptPair pair;
};

/// Not padded. Longer than a cell: the caller refuses it.
[[nodiscard]] Bytes encode(const Record& record);

/// What an erased cell holds: a mark, so that an erasure cut short is not taken for damage, and zeros.
[[nodiscard]] Bytes erased_cell(std::size_t size);

enum class CellState : std::uint8_t { empty, filled, damaged };
struct Decoded {
  CellState state = CellState::damaged;
  Record record;  ///< when filled
};
/// Never reads beyond `cell`. Empty is what is all zeros or begins with the mark of an erased cell; anything else that
/// does not verify is damaged.
[[nodiscard]] Decoded decode(ByteView cell);

}  // namespace keyfob::spool
