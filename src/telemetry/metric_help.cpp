#include "telemetry/metric_help.hpp"

#include <algorithm>
#include <array>

namespace keyfob::telemetry {
namespace {

constexpr std::array kHelp = {
    MetricHelp{"keyfob_build_info", "1; the label says which version runs"},
    MetricHelp{"keyfob_events_total", "Events by name"},
    MetricHelp{"keyfob_metrics_dropped_total", "Figures that were dropped: too many series, or a malformed name"},
};

}  // namespace

std::span<const MetricHelp> metric_help() { return kHelp; }

std::string_view help_of(std::string_view name) {
  const auto found = std::ranges::find(kHelp, name, &MetricHelp::name);
  return found == kHelp.end() ? "See docs/reference/metrics.md" : found->help;
}

}  // namespace keyfob::telemetry
