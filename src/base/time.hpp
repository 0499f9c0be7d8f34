#pragma once
// Time as values. Nothing here reads a clock: decisions take `now` as an argument.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyfob {

using Milliseconds = std::chrono::milliseconds;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// Wall clock, milliseconds since 1970-01-01T00:00:00Z. For expiries and records; may be stepped by an operator.
struct WallClock {
  using duration = Milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WallClock, duration>;
  static constexpr bool is_steady = false;
};
using WallTime = WallClock::time_point;

/// CLOCK_BOOTTIME: monotonic and counting while the machine is suspended. For deadlines.
struct BootClock {
  using duration = Milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock, duration>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;

[[nodiscard]] constexpr std::int64_t to_unix_ms(WallTime t) { return t.time_since_epoch().count(); }
[[nodiscard]] constexpr WallTime from_unix_ms(std::int64_t ms) { return WallTime(Milliseconds(ms)); }

/// RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z.
[[nodiscard]] std::string to_rfc3339(WallTime t);
[[nodiscard]] std::optional<WallTime> from_rfc3339(std::string_view text);

/// "90s", "5m", "2h", "7d"; a plain number is not accepted. Empty when it is not a duration or overflows.
[[nodiscard]] std::optional<Milliseconds> parse_duration(std::string_view text);
/// The shortest exact form of parse_duration's language; milliseconds as "1500ms".
[[nodiscard]] std::string format_duration(Milliseconds d);

}  // namespace keyfob
