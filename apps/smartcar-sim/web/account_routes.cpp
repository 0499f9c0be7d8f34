// The v2.0 calls that concern the account behind a token.
#include "web/bearer.hpp"
#include "web/json.hpp"
#include "web/paging.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {
namespace {

http::Response user(Call& call) {
  const auto admission = admit_account(call);
  if (!admission) return refuse(call, admission.error());
  return json_response(200, json::object{{"id", admission->grant->consent.user}});
}

http::Response vehicles(Call& call) {
  const auto admission = admit_account(call);
  if (!admission) return refuse(call, admission.error());
  return page_response(call, "vehicles", admission->grant->consent.vehicles, {10, 50});
}

constexpr std::array kRoutes{
    Route{"GET", "/v2.0/user", Place::api, user},
    Route{"GET", "/v2.0/vehicles", Place::api, vehicles},
};

}  // namespace

std::span<const Route> account_routes() { return kRoutes; }

}  // namespace keyfob::sim
