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
    MetricHelp{"keyfob_audit_entries_total", "kind", "Entries of the audit trail that are durable"},
    MetricHelp{"keyfob_audit_lost_total", "kind", "Audit entries that were dropped because too many were waiting"},
    MetricHelp{"keyfob_audit_waiting_entries", "kind", "Audit entries that are recorded and not yet durable"},
    MetricHelp{"keyfob_audit_write_failures_total", "kind",
               "Writes of audit entries that the store refused; each is retried"},
    MetricHelp{"keyfob_build_info", "version", "1; the label says which version runs"},
    MetricHelp{"keyfob_cache_entries", "kind", "Look-up keys of grants in memory"},
    MetricHelp{"keyfob_cache_lookups_total", "outcome", "Tokens asked of memory: at hand, or not", "hit miss"},
    MetricHelp{"keyfob_circuits_opened_total", "kind", "How often a provider was found to be out of order"},
    MetricHelp{"keyfob_commit_failures_total", "kind", "Commits of a new pair that the store refused; each is retried"},
    MetricHelp{"keyfob_connections", "kind", "Callers' connections that are open, all listeners"},
    MetricHelp{"keyfob_connections_accepted_total", "kind", "Callers' connections that were accepted, all listeners"},
    MetricHelp{"keyfob_directory_load_failures_total", "kind", "Looks at what changed in the store that failed"},
    MetricHelp{"keyfob_discarded_pairs_total", "outcome",
               "Pairs of a replaced consent, revoked at the provider or not"},
    MetricHelp{"keyfob_due_checked_timestamp_seconds", "kind", "When the figures of the due queue were taken last"},
    MetricHelp{"keyfob_due_claims_total", "outcome", "Grants claimed from the due queue, and looks at it that failed",
               "claimed failed"},
    MetricHelp{"keyfob_due_grants", "kind", "Grants that wait in the due queue, all applications"},
    MetricHelp{"keyfob_due_lag_seconds", "kind", "How long the first grant in the due queue has been waiting"},
    MetricHelp{"keyfob_due_plans_brought_forward_total", "kind",
               "Grants that other settings of mode or keep_alive had planned for later"},
    MetricHelp{"keyfob_event_loop", "kind", "1; the label says what the serving threads wait with"},
    MetricHelp{"keyfob_events_total", "event", "Events by name",
               "grant.refreshed grant.suspect grant.needs_reauth grant.recovered grant.expiring grant.attention "
               "grant.revoked application.suspended application.resumed application.refusals"},
    MetricHelp{"keyfob_exchange_duration_seconds", "kind", "From the begin of an exchange to its answer"},
    MetricHelp{"keyfob_exchanges_total", "disposition", "Answers of token endpoints by what they mean",
               "done unsent unknown throttled transient refused suspicious configuration"},
    MetricHelp{"keyfob_flights", "kind", "Refreshes that this process is working on"},
    MetricHelp{"keyfob_flights_total", "outcome", "Refreshes that this process has ended, by outcome",
               "refreshed moved held refused suspended unavailable store_down"},
    MetricHelp{"keyfob_gateway_authz_allowed_total", "kind", "Requests that /v1/authz let through"},
    MetricHelp{"keyfob_gateway_passed_total", "outcome", "Requests that went to the provider's API, by how they ended",
               "whole cut"},
    MetricHelp{"keyfob_gateway_problems_total", "code", "Requests that the gateway answered itself, by error code"},
    MetricHelp{"keyfob_identify_failures_total", "kind", "Look-ups of a new grant's user and vehicles that failed"},
    MetricHelp{"keyfob_keep_alive_lag_seconds", "kind",
               "The worst application's keep-alive lag: above 0 for long, grants will be lost; alarm on it"},
    MetricHelp{"keyfob_late_pair_leftovers_total", "kind", "Late pairs that could not be cleared after a commit"},
    MetricHelp{"keyfob_late_pairs_total", "outcome", "Pairs that came after their generation had been committed",
               "kept failed"},
    MetricHelp{"keyfob_metrics_dropped_total", "kind",
               "Figures that were dropped: too many series, or a malformed name"},
    MetricHelp{"keyfob_outbox_deliveries_total", "outcome",
               "Tries to deliver an event or a webhook: delivered, refused (no 2xx), unanswered"},
    MetricHelp{"keyfob_outbox_depth", "kind", "Events and webhooks that wait to be delivered"},
    MetricHelp{"keyfob_outbox_given_up_total", "kind", "Events and webhooks never delivered within 14 days"},
    MetricHelp{"keyfob_outbox_oldest_seconds", "kind", "How long the oldest of them has been waiting"},
    MetricHelp{"keyfob_refreshes_total", "outcome", "Pairs replaced in the store", "committed"},
    MetricHelp{"keyfob_refusals_total", "reason", "Refresh tokens that a provider refused",
               "refused suspicious stranded"},
    MetricHelp{"keyfob_request_duration_seconds", "class", "From a request's arrival to the end of its answer"},
    MetricHelp{"keyfob_requests_total", "class", "Requests by what they are about and how they ended"},
    MetricHelp{"keyfob_reseal_passes_total", "outcome",
               "Looks for records that an older data key seals, by how they ended"},
    MetricHelp{"keyfob_resealed_total", "kind", "Records moved to their application's primary data key"},
    MetricHelp{"keyfob_revoke_retries_failed_total", "kind", "Repeated tries to revoke at the provider that failed"},
    MetricHelp{"keyfob_rotation_lost_total", "kind", "Confirmed refusals after an unknown outcome: must stay 0"},
    MetricHelp{"keyfob_spool_damaged_cells", "kind", "Places of the spool that were damaged when it was opened"},
    MetricHelp{"keyfob_spool_free_slots", "kind", "Refreshes that the spool has room for beside those under way"},
    MetricHelp{"keyfob_spool_pairs", "kind", "Pairs in the spool that the store does not have yet"},
    MetricHelp{"keyfob_spooled_total", "outcome", "Pairs kept in the local spool because the store refused them",
               "kept failed"},
    MetricHelp{"keyfob_store_duration_seconds", "access", "From a call of the store to its answer, waiting included"},
    MetricHelp{"keyfob_store_errors_total", "access", "Calls that the store could not carry out", "read write"},
    MetricHelp{"keyfob_tls_certificate_expiry_timestamp_seconds", "kind", "When the listener's certificate ends"},
    MetricHelp{"keyfob_unconfirmed_kept_total", "kind",
               "Unconfirmed consents that were ended but could not be dropped yet"},
    MetricHelp{"keyfob_upstream_connections", "kind", "Connections of the gateway to providers, in use or kept"},
    MetricHelp{"keyfob_webhooks_total", "outcome", "Webhooks taken from the provider: taken, or repeated ones"},
};

}  // namespace

std::span<const MetricHelp> metric_help() { return kHelp; }

void start_at_zero(Metrics& metrics) {
  for (const MetricHelp& one : kHelp) {
    // The count of what was dropped is there anyway.
    if (!one.name.ends_with("_total") || one.name == "keyfob_metrics_dropped_total") continue;
    if (one.label == "kind") metrics.count(one.name, {}, 0);
    std::string_view values = one.values;
    while (!values.empty()) {
      const std::string_view value = values.substr(0, values.find(' '));
      metrics.count(one.name, value, 0);
      values.remove_prefix(std::min(values.size(), value.size() + 1));
    }
  }
}

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
