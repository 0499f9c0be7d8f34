#pragma once
// History: what this node's metrics did, minute by minute, for the console's charts. It reads the text of /metrics, so
// that it costs nobody anything but once a minute, and charts and alarms speak of the same figures.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace keyfob::console {

/// Figures at one moment. Counters count from the process's start.
struct Totals {
  double refreshed = 0;
  std::map<std::string, double> failed{};  ///< by class: dispositions that are not `done`, and `store`
  std::map<double, double> buckets{};  ///< of the exchange's duration: upper bound in seconds (may be infinite), count
  double calls = 0;                    ///< requests that went to the provider's API
  double due = 0;                      ///< gauge: grants that wait to be refreshed
  double lag = 0;                      ///< gauge, seconds: how far behind the keep-alive is
};

/// Out of Prometheus' text format (0.0.4); lines about other things, and broken ones, are passed over.
[[nodiscard]] Totals read_totals(std::string_view metrics);

/// What happened between two moments.
struct Minute {
  WallTime at{};  ///< its end
  Totals change{};
};
[[nodiscard]] Totals difference(const Totals& before, const Totals& after);
/// Seconds below which a share `q` of the durations lies, between two bounds in proportion; below 0: there were none.
[[nodiscard]] double quantile(const std::map<double, double>& buckets, double q);

/// Any thread. Keeps kMinutes of them.
class History {
 public:
  static constexpr std::size_t kMinutes = 24 * 60;

  explicit History(WallTime now) : since_(now), last_at_(now) {}
  /// A minute has ended.
  void add(WallTime now, const Totals& totals);
  /// {"since","now","at":[],"refreshed":[],"failed":{"class":[]},"p50":[],"p95":[],"calls":[],"due":[],"lag":[]}: one
  /// element per minute of the last `minutes`, oldest first; the last one is the minute under way. Latency in seconds,
  /// null where nothing was exchanged.
  [[nodiscard]] std::string json(WallTime now, const Totals& totals, std::size_t minutes) const;

 private:
  mutable std::mutex mutex_;
  const WallTime since_;
  WallTime last_at_;
  Totals last_{};
  std::deque<Minute> minutes_;
};

}  // namespace keyfob::console
