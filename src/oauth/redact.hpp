#pragma once
// Redactor: takes secrets out of text that a peer sent, since providers echo tokens in their error messages.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/wiped_string.hpp"

namespace keyfob::oauth {

/// Knows some secrets and removes them from texts. Pure; wiped on destruction.
class Redactor {
 public:
  /// Secrets shorter than 4 bytes are ignored.
  void add(std::string_view secret);

  /// `text` without any piece of 8 or more bytes of a secret (all of it for shorter ones), plain, percent-encoded once
  /// or twice, with '+' for space, in upper or lower case: each is replaced by "[redacted]". Control bytes are dropped,
  /// bytes outside ASCII become '?'. At most `max` bytes; only the first 2048 bytes of `text` are looked at.
  [[nodiscard]] std::string apply(std::string_view text, std::size_t max) const;

 private:
  struct Reading;
  void mark(const Reading& reading, std::vector<bool>& hidden) const;

  std::vector<std::uint64_t, WipingAllocator<std::uint64_t>> pieces_;  ///< every 8 folded bytes in a row, sorted
  std::vector<WipedString> short_;                                     ///< folded secrets of 4 to 7 bytes
};

}  // namespace keyfob::oauth
