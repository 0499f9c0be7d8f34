// The control calls that only look: GET below /_sim.
#include <algorithm>

#include "web/json.hpp"
#include "web/paging.hpp"
#include "web/reports.hpp"
#include "web/sim.hpp"
#include "web/watch_page.hpp"

namespace keyfob::sim {
namespace {

http::Response index(Call&) {
  json::array calls;
  for (const auto& routes : {steering_routes(), hook_routes(), report_routes()}) {
    for (const Route& route : routes) calls.emplace_back(std::string(route.method) + " " + std::string(route.pattern));
  }
  return json_response(200, json::object{{"calls", std::move(calls)}, {"documentation", "docs/simulator.md"}});
}

http::Response time(Call& call) {
  return json_response(200, json::object{{"now", to_rfc3339(call.now)},
                                         {"unix_ms", to_unix_ms(call.now)},
                                         {"clock", call.sim.clock.manual() ? "manual" : "real"}});
}

json::object refresh_stats(const TokenDesk& desk, WallTime now) {
  const DeskStats& stats = desk.stats();
  json::object refused;
  for (const auto& [why, count] : stats.refused) refused[to_string(why)] = count;
  json::object uses;
  for (const auto& [times, tokens] : desk.uses_of_refresh_tokens()) uses[std::to_string(times)] = tokens;
  return {{"requests", stats.refresh_requests},         {"rotations", stats.rotations},
          {"second_uses", stats.second_uses},           {"late_uses", stats.late_uses},
          {"families_revoked", stats.families_revoked}, {"refused", std::move(refused)},
          {"tokens_by_uses", std::move(uses)},          {"live_refresh_tokens", desk.live_refresh_tokens(now)}};
}

json::object grant_stats(const TokenDesk& desk) {
  const auto& grants = desk.grants();
  const auto count = [&](auto&& which) { return std::ranges::count_if(grants, which); };
  return {{"total", grants.size()},
          {"revoked", count([](const Grant& g) { return g.revoked; })},
          {"newest_pair_unseen", count([](const Grant& g) { return !g.revoked && !g.newest_seen; })}};
}

template <class Map>
json::object counts_of(const Map& counts) {
  json::object object;
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

http::Response stats(Call& call) {
  const World& world = call.world();
  const RequestLog& log = call.sim.log;
  return json_response(200, json::object{{"now", to_rfc3339(call.now)},
                                         {"requests", counts_of(log.counts())},
                                         {"client_auth", counts_of(log.client_auth_styles())},
                                         {"secrets_in_urls", log.secrets_in_urls()},
                                         {"codes_exchanged", world.desk.stats().codes_exchanged},
                                         {"refresh", refresh_stats(world.desk, call.now)},
                                         {"rotations", world.desk.stats().rotations},
                                         {"late_uses", world.desk.stats().late_uses},
                                         {"grants", grant_stats(world.desk)},
                                         {"connections", world.connection_count()},
                                         {"users", world.owners.all().size()},
                                         {"faults_struck", world.faults.struck()},
                                         {"held", call.sim.held}});
}

http::Response requests(Call& call) {
  const auto& entries = call.sim.log.entries();
  const std::size_t limit = count_parameter(call, "limit", 100, 10'000).value_or(100);
  const std::string path = call.parameter("path");
  json::array found;
  for (auto it = entries.rbegin(); it != entries.rend() && found.size() < limit; ++it) {
    if (path.empty() || it->path == path) found.push_back(entry_json(*it));
  }
  return json_response(200, json::object{{"requests", std::move(found)}});
}

http::Response users(Call& call) {
  json::array users;
  const std::size_t limit = count_parameter(call, "limit", 1000, 1'000'000).value_or(1000);
  for (const Owner& owner : call.world().owners.all()) {
    if (users.size() == limit) break;
    users.push_back(owner_json(call.world(), owner));
  }
  return json_response(200, json::object{{"users", std::move(users)}});
}

http::Response grants(Call& call) {
  const std::string user = call.parameter("user");
  const Owner* owner = call.world().owners.find(user);
  if (!user.empty() && owner == nullptr) return control_error(404, "there is no owner " + user);
  json::array found;
  for (const Grant& grant : call.world().desk.grants()) {
    if (owner == nullptr || grant.consent.user == owner->id) found.push_back(grant_json(call.world(), grant, call.now));
  }
  return json_response(200, json::object{{"grants", std::move(found)}});
}

http::Response faults(Call& call) {
  json::array planned;
  for (const Fault& fault : call.world().faults.planned()) {
    json::object one{{"fault", fault.id},
                     {"kind", fault.name},
                     {"where", to_string(fault.where)},
                     {"skip", fault.skip},
                     {"struck", fault.struck}};
    one["times_left"] = fault.times ? json::value(*fault.times) : json::value(nullptr);
    planned.push_back(std::move(one));
  }
  return json_response(200, json::object{{"faults", std::move(planned)}});
}

http::Response settings(Call& call) { return json_response(200, settings_json(call.world().settings())); }

http::Response clients(Call& call) {
  json::array list;
  for (const auto& [id, client] : call.world().clients.all()) {
    list.push_back(json::object{{"client_id", id},
                                {"secrets", client.secrets.size()},
                                {"v3_client_id", or_null(client.v3_id)},
                                {"redirect_uris", array_of(client.redirect_uris)}});
  }
  return json_response(200,
                       json::object{{"clients", std::move(list)}, {"open_to_all", call.world().clients.open_to_all()}});
}

http::Response ui(Call&) {
  http::Response response = text_response(200, "text/html; charset=utf-8", std::string(watch_page()));
  response.headers.push_back(
      {"content-security-policy",
       "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
       "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"});
  response.headers.push_back({"cache-control", "no-store"});
  return response;
}

constexpr std::array kRoutes{
    Route{"GET", "/_sim/ui", {}, ui},
    Route{"GET", "/_sim", {}, index},
    Route{"GET", "/_sim/time", {}, time},
    Route{"GET", "/_sim/stats", {}, stats},
    Route{"GET", "/_sim/requests", {}, requests},
    Route{"GET", "/_sim/users", {}, users},
    Route{"GET", "/_sim/grants", {}, grants},
    Route{"GET", "/_sim/fault", {}, faults},
    Route{"GET", "/_sim/settings", {}, settings},
    Route{"GET", "/_sim/clients", {}, clients},
};

}  // namespace

std::span<const Route> report_routes() { return kRoutes; }

}  // namespace keyfob::sim
