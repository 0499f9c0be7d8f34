#pragma once
// PrometheusMetrics: Metrics kept in memory and written in Prometheus' text format (0.0.4) for /metrics.

#include <memory>
#include <string>
#include <string_view>

#include "ports/event_sink.hpp"

namespace keyfob::telemetry {

/// Any thread. Counters and histograms live in one shard per thread: counting is a look-up in a table of the thread's
/// own and a relaxed store, so threads share neither a lock nor a cache line; only a series' first use in a thread and
/// text() take the mutex. A thread that ends hands its shard to the next one. Gauges are set, not summed, and take the
/// mutex: they are for figures that are set now and then. Names become Prometheus' by prometheus_name()
/// (metric_help.hpp); a label is "k=v", "k=v,k=v" or a bare word, which goes under the key that the list of names
/// gives. At most kMaxSeries series are kept, so that a label from outside cannot fill the memory: more, names that
/// Prometheus forbids, and names that change their kind are dropped and counted in keyfob_metrics_dropped_total.
class PrometheusMetrics final : public Metrics {
 public:
  static constexpr std::size_t kMaxSeries = 2000;

  PrometheusMetrics();
  ~PrometheusMetrics() override;
  PrometheusMetrics(const PrometheusMetrics&) = delete;
  PrometheusMetrics& operator=(const PrometheusMetrics&) = delete;

  void count(std::string_view name, std::string_view label, double by) override;
  void gauge(std::string_view name, double value, std::string_view label) override;
  /// A histogram, in seconds.
  void observe(std::string_view name, Milliseconds value, std::string_view label) override;

  /// Everything counted before the call, all threads summed; sorted by name.
  [[nodiscard]] std::string text() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyfob::telemetry
