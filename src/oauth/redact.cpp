#include "oauth/redact.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace keyfob::oauth {
namespace {

constexpr std::size_t kPiece = 8;
constexpr std::size_t kShortest = 4;
constexpr std::size_t kLookedAt = 2048;
constexpr std::string_view kMark = "[redacted]";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

/// What two characters must have in common to count as the same.
char fold(char c) {
  if (!is_ascii(c)) return '?';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::uint64_t piece_at(std::string_view folded, std::size_t at) {
  std::uint64_t piece = 0;
  std::memcpy(&piece, folded.data() + at, kPiece);
  return piece;
}

}  // namespace

/// One way to read a text: folded characters, each with the range of the original that it stands for.
struct Redactor::Reading {
  WipedString chars = wiped_string();
  std::vector<std::size_t> from{};
  std::vector<std::size_t> to{};

  void add(char c, std::size_t begin, std::size_t end) {
    if (is_control(c)) return;
    chars.push_back(fold(c));
    from.push_back(begin);
    to.push_back(end);
  }

  static Reading plain(std::string_view text) {
    Reading out;
    for (std::size_t i = 0; i < text.size(); ++i) out.add(text[i], i, i + 1);
    return out;
  }

  [[nodiscard]] Reading with_spaces() const {
    Reading out = *this;
    std::ranges::replace(out.chars, '+', ' ');
    return out;
  }

  [[nodiscard]] Reading percent_decoded() const {
    Reading out;
    for (std::size_t i = 0; i < chars.size(); ++i) {
      const int high = chars[i] == '%' && i + 2 < chars.size() ? hex_digit(chars[i + 1]) : -1;
      const int low = high >= 0 ? hex_digit(chars[i + 2]) : -1;
      if (low < 0) {
        out.add(chars[i], from[i], to[i]);
        continue;
      }
      out.add(static_cast<char>(high * 16 + low), from[i], to[i + 2]);
      i += 2;
    }
    return out;
  }
};

void Redactor::add(std::string_view secret) {
  const Reading reading = Reading::plain(secret);
  const WipedString& folded = reading.chars;
  if (folded.size() < kShortest) return;
  if (folded.size() < kPiece) {
    short_.push_back(wiped_string(folded));
    return;
  }
  for (std::size_t i = 0; i + kPiece <= folded.size(); ++i) pieces_.push_back(piece_at(folded, i));
  std::ranges::sort(pieces_);
}

void Redactor::mark(const Reading& reading, std::vector<bool>& hidden) const {
  const std::string_view chars = reading.chars;
  const auto hide = [&](std::size_t at, std::size_t size) {
    std::fill(hidden.begin() + static_cast<std::ptrdiff_t>(reading.from[at]),
              hidden.begin() + static_cast<std::ptrdiff_t>(reading.to[at + size - 1]), true);
  };
  for (std::size_t i = 0; i + kPiece <= chars.size(); ++i) {
    if (std::ranges::binary_search(pieces_, piece_at(chars, i))) hide(i, kPiece);
  }
  for (const WipedString& secret : short_) {
    for (auto at = chars.find(secret); at != std::string_view::npos; at = chars.find(secret, at + 1)) {
      hide(at, secret.size());
    }
  }
}

std::string Redactor::apply(std::string_view text, std::size_t max) const {
  text = text.substr(0, kLookedAt);
  std::vector<bool> hidden(text.size(), false);
  const Reading plain = Reading::plain(text);
  for (const Reading& start : {plain, plain.with_spaces()}) {
    const Reading once = start.percent_decoded();
    mark(start, hidden);
    mark(once, hidden);
    mark(once.percent_decoded(), hidden);
  }
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < max; ++i) {
    if (hidden[i]) {
      if (i == 0 || !hidden[i - 1]) out += kMark;
    } else if (!is_control(text[i])) {
      out += is_ascii(text[i]) ? text[i] : '?';
    }
  }
  if (out.size() > max) out.resize(max);
  return out;
}

}  // namespace keyfob::oauth
