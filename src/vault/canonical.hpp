#pragma once
// The canonical encoding of docs/spec/sealed-record.md: texts are prefixed with their length as u32, numbers are fixed
// width, everything is big-endian, so two different lists of fields never encode alike. Internal to vault.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"

namespace keyfob::vault {

template <class Sink>
void put_number(Sink& sink, std::uint64_t value, unsigned width) {
  for (unsigned left = width; left-- > 0;) sink.push_back(static_cast<std::uint8_t>((value >> (8 * left)) & 0xffU));
}

template <class Sink>
void put_text(Sink& sink, std::string_view text) {
  put_number(sink, text.size(), 4);
  for (const char c : text) sink.push_back(static_cast<std::uint8_t>(c));
}

[[nodiscard]] inline std::uint32_t u32_of(ByteView four) {
  return std::uint32_t{four[0]} << 24U | std::uint32_t{four[1]} << 16U | std::uint32_t{four[2]} << 8U |
         std::uint32_t{four[3]};
}

/// A byte string of bounded size without a heap, for the hot path. The writer keeps within N.
template <std::size_t N>
class BoundedBytes {
 public:
  void push_back(std::uint8_t byte) { bytes_[size_++] = byte; }
  [[nodiscard]] ByteView view() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, N> bytes_;
  std::size_t size_ = 0;
};

}  // namespace keyfob::vault
