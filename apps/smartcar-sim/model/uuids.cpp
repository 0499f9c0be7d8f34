#include "model/uuids.hpp"

#include <algorithm>

namespace keyfob::sim {

std::string Uuids::next() {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  std::uint64_t bits = 0;
  int left = 0;
  for (char& c : text) {
    if (c != 'x' && c != 'y') continue;
    if (left == 0) {
      bits = random_();
      left = 16;
    }
    const std::uint64_t digit = c == 'y' ? 8 + (bits & 3) : bits & 15;
    c = kDigits[digit];
    bits >>= 4;
    --left;
  }
  return text;
}

bool looks_like_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string_view::npos;
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

}  // namespace keyfob::sim
