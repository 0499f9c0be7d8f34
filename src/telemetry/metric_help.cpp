#include "telemetry/metric_help.hpp"

#include <algorithm>
#include <array>

namespace keyfob::telemetry {
namespace {

constexpr std::array kHelp = {
    MetricHelp{"keyfob_application_circuit_open", "app", "1: the provider does not answer, only trials go out"},
    MetricHelp{"keyfob_application_due_grants", "app", "Grants that wait in the due queue, counted up to 10000"},
    MetricHelp{"keyfob_application_keep_alive_lag_seconds", "app",
               "How long ago the grant that is furthest behind should have been refreshed to keep it alive"},
    MetricHelp{"keyfob_application_paused", "app", "1: the provider asked for patience (429)"},
    MetricHelp{"keyfob_application_rate", "app", "Background refreshes per second that this process allows itself"},
    MetricHelp{"keyfob_application_suspended", "app", "1: the application's own credentials are refused"},
    MetricHelp{"keyfob_build_info", "version", "1; the label says which version runs"},
    MetricHelp{"keyfob_circuits_opened_total", "kind", "How often a provider was found to be out of order"},
    MetricHelp{"keyfob_commit_failures_total", "kind", "Commits of a new pair that the store refused; each is retried"},
    MetricHelp{"keyfob_directory_load_failures_total", "kind", "Looks at what changed in the store that failed"},
    MetricHelp{"keyfob_discarded_pairs_total", "outcome",
               "Pairs of a replaced consent, revoked at the provider or not"},
    MetricHelp{"keyfob_due_checked_timestamp_seconds", "kind", "When the figures of the due queue were taken last"},
    MetricHelp{"keyfob_due_claims_total", "outcome", "Grants claimed from the due queue, and looks at it that failed"},
    MetricHelp{"keyfob_due_grants", "kind", "Grants that wait in the due queue, all applications"},
    MetricHelp{"keyfob_due_lag_seconds", "kind", "How long the first grant in the due queue has been waiting"},
    MetricHelp{"keyfob_due_plans_brought_forward_total", "kind",
               "Grants that other settings of mode or keep_alive had planned for later"},
    MetricHelp{"keyfob_events_total", "event", "Events by name"},
    MetricHelp{"keyfob_exchange_duration_seconds", "kind", "From the begin of an exchange to its answer"},
    MetricHelp{"keyfob_exchanges_total", "disposition", "Answers of token endpoints by what they mean"},
    MetricHelp{"keyfob_flights", "kind", "Refreshes that this process is working on"},
    MetricHelp{"keyfob_flights_total", "outcome", "Refreshes that this process has ended, by outcome"},
    MetricHelp{"keyfob_gateway_authz_allowed_total", "kind", "Requests that /v1/authz let through"},
    MetricHelp{"keyfob_gateway_passed_total", "outcome", "Requests that went to the provider's API, by how they ended"},
    MetricHelp{"keyfob_gateway_problems_total", "code", "Requests that the gateway answered itself, by error code"},
    MetricHelp{"keyfob_identify_failures_total", "kind", "Look-ups of a new grant's user and vehicles that failed"},
    MetricHelp{"keyfob_keep_alive_lag_seconds", "kind",
               "The worst application's keep-alive lag: above 0 for long, grants will be lost; alarm on it"},
    MetricHelp{"keyfob_late_pair_leftovers_total", "kind", "Late pairs that could not be cleared after a commit"},
    MetricHelp{"keyfob_late_pairs_total", "outcome", "Pairs that came after their generation had been committed"},
    MetricHelp{"keyfob_metrics_dropped_total", "kind",
               "Figures that were dropped: too many series, or a malformed name"},
    MetricHelp{"keyfob_outbox_deliveries_total", "outcome",
               "Tries to deliver an event or a webhook: delivered, refused (no 2xx), unanswered"},
    MetricHelp{"keyfob_outbox_depth", "kind", "Events and webhooks that wait to be delivered"},
    MetricHelp{"keyfob_outbox_given_up_total", "kind", "Events and webhooks never delivered within 14 days"},
    MetricHelp{"keyfob_outbox_oldest_seconds", "kind", "How long the oldest of them has been waiting"},
    MetricHelp{"keyfob_refreshes_total", "outcome", "Pairs replaced in the store"},
    MetricHelp{"keyfob_refusals_total", "reason", "Refresh tokens that a provider refused"},
    MetricHelp{"keyfob_reseal_passes_total", "outcome",
               "Looks for records that an older data key seals, by how they ended"},
    MetricHelp{"keyfob_resealed_total", "kind", "Records moved to their application's primary data key"},
    MetricHelp{"keyfob_revoke_retries_failed_total", "kind", "Repeated tries to revoke at the provider that failed"},
    MetricHelp{"keyfob_rotation_lost_total", "kind", "Confirmed refusals after an unknown outcome: must stay 0"},
    MetricHelp{"keyfob_spooled_total", "outcome", "Pairs kept in the local spool because the store refused them"},
    MetricHelp{"keyfob_webhooks_total", "outcome", "Webhooks taken from the provider: taken, or repeated ones"},
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
