#pragma once
// What each metric means: the one list of documented names (docs/reference/metrics.md is made from it).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ports/event_sink.hpp"

namespace keyfob::telemetry {

struct MetricHelp {
  std::string_view name;   ///< as Prometheus sees it
  std::string_view label;  ///< key of a label that is given as a bare word: count("exchanges", "done")
  std::string_view help;
  /// Of a counter: the label's values that it starts with at 0, separated by blanks. Prometheus does not see the first
  /// increase of a counter that was not there before, so an alarm on it would be silent.
  std::string_view values{};
};

[[nodiscard]] std::span<const MetricHelp> metric_help();

/// Counts 0 in every counter without a label and in every listed value of the others.
void start_at_zero(Metrics& metrics);

/// The entry of a name; one that says so for a name that is not on the list.
[[nodiscard]] MetricHelp help_of(std::string_view name);

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

/// Prometheus' name for what the code counts: "refreshes" is keyfob_refreshes_total as a counter, keyfob_refreshes as a
/// gauge, keyfob_refreshes_seconds as a histogram. A name that begins with keyfob_ stays as it is.
[[nodiscard]] std::string prometheus_name(std::string_view name, MetricKind kind);

}  // namespace keyfob::telemetry
