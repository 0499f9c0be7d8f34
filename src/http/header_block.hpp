#pragma once
// HeaderBlock: header lines on their way onto the wire, in fixed storage that is wiped when emptied, because they may
// hold credentials.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyfob::http {

/// Not copyable. Does not allocate.
class HeaderBlock {
 public:
  static constexpr std::size_t kCapacity = 10240;
  static constexpr std::size_t kLines = 16;
  HeaderBlock() = default;
  ~HeaderBlock() { clear(); }
  HeaderBlock(const HeaderBlock&) = delete;
  HeaderBlock& operator=(const HeaderBlock&) = delete;

  /// Adds "name: prefix value CRLF". False, and nothing is added, when it does not fit, the name is not a token or a
  /// value holds a control byte (RFC 9110 section 5.5).
  [[nodiscard]] bool add(std::string_view name, std::string_view value) { return add(name, {}, value); }
  [[nodiscard]] bool add(std::string_view name, std::string_view prefix, std::string_view value);
  /// Whether a line's name reads as this one to any peer: without case, "_" as "-".
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::string_view lines() const { return {data_.data(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  void clear();

 private:
  struct Line {
    std::uint16_t begin;
    std::uint16_t name_size;
  };
  std::size_t size_ = 0;
  std::size_t count_ = 0;
  std::array<Line, kLines> lines_;
  std::array<char, kCapacity> data_;
};

}  // namespace keyfob::http
