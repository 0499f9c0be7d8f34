#include "telemetry/metric_help.hpp"

#include <algorithm>
#include <array>

namespace keyfob::telemetry {
namespace {

constexpr std::array kHelp = {
    MetricHelp{"keyfob_build_info", "version", "1; the label says which version runs"},
    MetricHelp{"keyfob_commit_failures_total", "kind", "Commits of a new pair that the store refused; each is retried"},
    MetricHelp{"keyfob_directory_load_failures_total", "kind", "Looks at what changed in the store that failed"},
    MetricHelp{"keyfob_discarded_pairs_total", "outcome",
               "Pairs of a replaced consent, revoked at the provider or not"},
    MetricHelp{"keyfob_events_total", "event", "Events by name"},
    MetricHelp{"keyfob_exchange_duration_seconds", "kind", "From the begin of an exchange to its answer"},
    MetricHelp{"keyfob_exchanges_total", "disposition", "Answers of token endpoints by what they mean"},
    MetricHelp{"keyfob_flights", "kind", "Refreshes that this process is working on"},
    MetricHelp{"keyfob_flights_total", "outcome", "Refreshes that this process has ended, by outcome"},
    MetricHelp{"keyfob_identify_failures_total", "kind", "Look-ups of a new grant's user and vehicles that failed"},
    MetricHelp{"keyfob_late_pair_leftovers_total", "kind", "Late pairs that could not be cleared after a commit"},
    MetricHelp{"keyfob_late_pairs_total", "outcome", "Pairs that came after their generation had been committed"},
    MetricHelp{"keyfob_metrics_dropped_total", "kind",
               "Figures that were dropped: too many series, or a malformed name"},
    MetricHelp{"keyfob_refreshes_total", "outcome", "Pairs replaced in the store"},
    MetricHelp{"keyfob_refusals_total", "reason", "Refresh tokens that a provider refused"},
    MetricHelp{"keyfob_revoke_retries_failed_total", "kind", "Repeated tries to revoke at the provider that failed"},
    MetricHelp{"keyfob_rotation_lost_total", "kind", "Confirmed refusals after an unknown outcome: must stay 0"},
    MetricHelp{"keyfob_spooled_total", "outcome", "Pairs kept in the local spool because the store refused them"},
};

}  // namespace

std::span<const MetricHelp> metric_help() { return kHelp; }

MetricHelp help_of(std::string_view name) {
  const auto found = std::ranges::find(kHelp, name, &MetricHelp::name);
  return found == kHelp.end() ? MetricHelp{name, "kind", "See docs/reference/metrics.md"} : *found;
}

std::string prometheus_name(std::string_view name, MetricKind kind) {
  if (name.starts_with("keyfob_")) return std::string(name);
  std::string out = "keyfob_";
  out += name;
  if (kind == MetricKind::counter) out += "_total";
  if (kind == MetricKind::histogram) out += "_seconds";
  return out;
}

}  // namespace keyfob::telemetry
