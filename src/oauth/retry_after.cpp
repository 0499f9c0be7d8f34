#include <algorithm>
#include <array>
#include <charconv>

#include "oauth/token_codec.hpp"

namespace keyfob::oauth {
namespace {

constexpr Milliseconds kLongest = hours(1);

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || !digits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<unsigned> month(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto at = std::ranges::find(kNames, name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<unsigned>(at - kNames.begin()) + 1;
}

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<WallTime> parse_imf_fixdate(std::string_view text) {
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
  if (text[19] != ':' || text[22] != ':') return std::nullopt;
  const auto day = number(text.substr(5, 2));
  const auto mon = month(text.substr(8, 3));
  const auto year = number(text.substr(12, 4));
  const auto h = number(text.substr(17, 2));
  const auto m = number(text.substr(20, 2));
  const auto s = number(text.substr(23, 2));
  if (!day || !mon || !year || !h || !m || !s || *h > 23 || *m > 59 || *s > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*mon),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const auto since = std::chrono::sys_days(date).time_since_epoch() + hours(*h) + minutes(*m) + seconds(*s);
  return WallTime(std::chrono::duration_cast<Milliseconds>(since));
}

}  // namespace

std::optional<Milliseconds> parse_retry_after(std::string_view value, WallTime now) {
  const auto first = value.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  value = value.substr(first, value.find_last_not_of(" \t") - first + 1);
  if (std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) {
    const auto delay = number(value);
    return delay ? std::min<Milliseconds>(seconds(*delay), kLongest) : kLongest;
  }
  const auto at = parse_imf_fixdate(value);
  if (!at) return std::nullopt;
  return std::clamp<Milliseconds>(*at - now, Milliseconds(0), kLongest);
}

}  // namespace keyfob::oauth
