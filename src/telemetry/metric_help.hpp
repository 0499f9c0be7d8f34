#pragma once
// What each metric means: the one list of documented names (docs/reference/metrics.md is made from it).

#include <span>
#include <string_view>

namespace keyfob::telemetry {

struct MetricHelp {
  std::string_view name;
  std::string_view help;
};

[[nodiscard]] std::span<const MetricHelp> metric_help();

/// The help text of a name; a plain remark for one that is not on the list.
[[nodiscard]] std::string_view help_of(std::string_view name);

}  // namespace keyfob::telemetry
