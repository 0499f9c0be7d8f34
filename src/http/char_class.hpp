#pragma once
// Which bytes may stand where in a message head: one table, one bit per class.

#include <array>
#include <cstdint>
#include <string_view>

namespace keyfob::http {

enum CharClass : std::uint8_t {
  kTokenChar = 1,   ///< RFC 9110 tchar
  kTargetChar = 2,  ///< RFC 3986 pchar, "/", "?", "[" and "]"; '%' is checked apart
  kHostChar = 4,    ///< letters, digits, "-", ".", "_", "~"
  kHexChar = 8,
  kDigitChar = 16,
};

consteval std::array<std::uint8_t, 256> make_char_classes() {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&table](std::string_view chars, int bits) {
    for (const char c : chars) {
      auto& entry = table[static_cast<unsigned char>(c)];
      entry = static_cast<std::uint8_t>(entry | bits);
    }
  };
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  mark(kDigits, kTokenChar | kTargetChar | kHostChar | kHexChar | kDigitChar);
  mark(kLetters, kTokenChar | kTargetChar | kHostChar);
  mark("abcdefABCDEF", kHexChar);
  mark("!#$%&'*+-.^_`|~", kTokenChar);
  mark("-._~!$&'()*+,;=:@%/?[]", kTargetChar);
  mark("-._~", kHostChar);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kCharClasses = make_char_classes();

[[nodiscard]] constexpr bool is_in(char c, CharClass wanted) {
  return (kCharClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}

/// True when every byte is in the class.
[[nodiscard]] constexpr bool all_in(std::string_view text, CharClass wanted) {
  for (const char c : text) {
    if (!is_in(c, wanted)) return false;
  }
  return true;
}

[[nodiscard]] constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// Equality without case; `lower` is lower case already.
[[nodiscard]] constexpr bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (to_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

/// As a header's name reads to a peer that makes variables of names (CGI, WSGI): "_" is "-" there.
[[nodiscard]] constexpr char fold_name(char c) { return c == '_' ? '-' : to_lower(c); }

/// Equality of header names to any reader; `lower` is lower case already, with "-" only.
[[nodiscard]] constexpr bool same_name(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (fold_name(name[i]) != lower[i]) return false;
  }
  return true;
}

}  // namespace keyfob::http
