#pragma once
// Cutting an input into what a target needs, so that seeds can be written by hand.

#include <cstddef>
#include <string_view>
#include <vector>

namespace keyfob::fuzz {

/// "a|b||c": four pieces. At most `most`; the last one has the rest.
inline std::vector<std::string_view> split(std::string_view text, char at, std::size_t most = 64) {
  std::vector<std::string_view> pieces;
  while (pieces.size() + 1 < most && text.find(at) != std::string_view::npos) {
    pieces.push_back(text.substr(0, text.find(at)));
    text.remove_prefix(pieces.back().size() + 1);
  }
  pieces.push_back(text);
  return pieces;
}

/// Takes off the beginning up to `end`, which is dropped, or everything.
inline std::string_view take_until(std::string_view& text, char end) {
  const std::string_view piece = text.substr(0, text.find(end));
  text.remove_prefix(piece.size() == text.size() ? text.size() : piece.size() + 1);
  return piece;
}

/// The decimal number at the beginning; 0 where there is none. Never overflows.
inline std::size_t number_in(std::string_view text) {
  std::size_t value = 0;
  for (const char c : text.substr(0, 9)) {
    if (c < '0' || c > '9') break;
    value = value * 10 + static_cast<std::size_t>(c - '0');
  }
  return value;
}

}  // namespace keyfob::fuzz
