#include "api/outlook_api.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "api/render.hpp"

namespace keyfob::api {
namespace {

namespace json = boost::json;

json::value time_or_null(const std::optional<WallTime>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::value refusals_of(const Grant& grant) {
  const Refusals& refusals = grant.refusals;
  if (refusals.count == 0) return nullptr;
  return {{"count", refusals.count},
          {"first_at", to_rfc3339(refusals.first_at)},
          {"last_at", to_rfc3339(refusals.last_at)},
          {"reason", refusals.reason},
          {"certain", refusals.certain},
          {"after_unknown", refusals.after_unknown}};
}

json::value attempt_of(const Grant& grant) {
  if (!grant.attempt) return nullptr;
  return {{"node", grant.attempt->node.view()},
          {"running_for", std::max<std::int64_t>(0, grant.attempt->since_first_sent.count() / 1000)}};
}

json::object outlook_of(const Grant& grant) {
  const bool waits = grant.status == GrantStatus::active || grant.status == GrantStatus::suspect;
  const bool gone = grant.status == GrantStatus::revoked;
  return {{"id", grant.id.str()},
          {"status", to_string(grant.status)},
          {"single_select", grant.single_select},
          {"rotated_at", time_or_null(grant.rotated_at)},
          {"due_at", time_or_null(gone ? std::nullopt : std::optional(grant.due_at))},
          {"renew_by", time_or_null(waits ? std::optional(grant.renew_by) : std::nullopt)},
          {"refusals", refusals_of(grant)},
          {"attempt", attempt_of(grant)}};
}

}  // namespace

Task<Outcome> get_outlook(Services& services, Call call) {
  const auto grant = co_await find_grant(services, call);
  if (!grant) co_return std::unexpected(grant.error());
  co_return json_response(200, json::serialize(outlook_of(*grant)));
}

}  // namespace keyfob::api
