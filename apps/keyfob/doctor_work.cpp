// What should move and does not.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <thread>

#include "apps/keyfob/doctor.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "core/outbox.hpp"

namespace keyfob::cli {
namespace {

constexpr int kLooks = 20;
constexpr std::chrono::milliseconds kBetween{150};
constexpr Milliseconds kOutboxLate = minutes(5);

std::int64_t number_of(const boost::json::value& object, std::string_view name) {
  const auto* value = object.is_object() ? object.as_object().if_contains(name) : nullptr;
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<std::int64_t>();
}

Finding examine_suspended(const Symptoms& symptoms) {
  const std::string suspended = text_of(symptoms.status, "suspended");
  if (suspended.empty()) return {"applications", Health::ok, "no application is suspended"};
  return {"applications", Health::problem, "suspended: " + suspended,
          "the provider refuses the application's own credentials, so none of its grants can be refreshed",
          "keyfob app set NAME --client-secret @FILE with the secret of the provider's dashboard; it is tried at once"};
}

Finding examine_expiring(const Symptoms& symptoms) {
  const auto late = std::chrono::duration_cast<std::chrono::seconds>(symptoms.overview.keep_alive_lag);
  if (late.count() == 0)
    return {"expiring_grants", Health::ok, "every grant is renewed well before its refresh token ends"};
  return {"expiring_grants", Health::problem,
          fmt::format("grants should have been renewed up to {} ago and were not", format_duration(late)),
          "a grant whose refresh token ends is lost: its owner has to consent again",
          symptoms.daemon
              ? "see why refreshes fail (`keyfob status`, the log), or raise [refresh] max_rate and keep_alive"
              : "no daemon runs: start `keyfob serve`, which renews idle grants"};
}

/// Times are RFC 3339 in UTC with milliseconds: as text they compare like times.
Finding examine_outbox(const config::Config& config, const Symptoms& symptoms) {
  const auto* outbox = symptoms.status.is_object() ? symptoms.status.as_object().if_contains("outbox") : nullptr;
  if (outbox == nullptr || !outbox->is_array()) return {"outbox", Health::skipped, "the store could not be asked"};
  const std::string late_since = to_rfc3339(node::SystemClock().wall() - kOutboxLate);
  std::int64_t waiting = 0;
  for (const auto* one : elements_of(symptoms.status, "outbox")) {
    waiting += number_of(*one, "waiting");
    const std::string oldest = text_of(*one, "oldest");
    if (oldest > late_since) continue;
    const std::string to = text_of(*one, "to");
    return {"outbox", Health::problem,
            fmt::format("{} notifications wait for {}, the oldest since {}; tried {} times", number_of(*one, "waiting"),
                        to, oldest, number_of(*one, "attempts")),
            "the backend does not learn which owners have to consent again",
            to == kEventsDestination ? "check that [events] url answers 2xx; deliveries are tried again until it does"
                                     : "check that the application's webhook URL answers 2xx (`keyfob app show`)"};
  }
  if (waiting == 0 && config.events.url.empty())
    return {"outbox", Health::skipped, "no notifications are configured and none waits"};
  return {"outbox", Health::ok, fmt::format("{} notifications wait", waiting)};
}

}  // namespace

Finding examine_spool(Context& context, const Symptoms& symptoms) {
  auto waiting = number_of(symptoms.status, "spooled");
  for (int look = 0; symptoms.daemon && waiting > 0 && look < kLooks; ++look) {
    std::this_thread::sleep_for(kBetween);
    const auto again = context.call("GET", "/v1/status");
    if (again) waiting = number_of(again->value, "spooled");
  }
  if (waiting == 0) return {"spool", Health::ok, "no token pair waits for the store"};
  return {"spool", Health::problem, fmt::format("{} token pairs wait in the spool", waiting),
          "they are newer than what the store holds, and only this machine's disk has them",
          symptoms.daemon ? "the store refuses them: see the log and mend the store; they are stored by themselves then"
                          : "start `keyfob serve` on this state directory: it stores them before anything else"};
}

std::vector<Finding> examine_work(const config::Config& config, const Symptoms& symptoms) {
  return {examine_suspended(symptoms), examine_expiring(symptoms), examine_outbox(config, symptoms)};
}

}  // namespace keyfob::cli
