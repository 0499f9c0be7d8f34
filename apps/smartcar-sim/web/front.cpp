#include "web/front.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "web/bearer.hpp"
#include "web/fault_answers.hpp"
#include "web/json.hpp"
#include "web/webhook_events.hpp"

namespace keyfob::sim {
namespace {

namespace asio = boost::asio;

bool waits(const Fault& fault) { return fault.kind == FaultKind::hold || fault.delay > Milliseconds(0); }

/// Path and query, decoded. The Java SDK puts its query into the last path segment, as %3F.
std::pair<std::string, std::string> address_of(const http::Request& request) {
  std::string path = http::decode_component(request.path()).value_or(std::string(request.path()));
  std::string query(request.query());
  if (const auto mark = path.find('?'); mark != std::string::npos) {
    query = path.substr(mark + 1) + (query.empty() ? "" : "&" + query);
    path.resize(mark);
  }
  if (!path.starts_with('/')) path.insert(0, "/");
  return {std::move(path), std::move(query)};
}

http::Response not_found(std::string_view path, const std::string& request_id) {
  if (path.starts_with("/_sim")) return control_error(404, "there is no such control call; GET /_sim lists them");
  if (path.starts_with("/v3/")) return v3_error(404, "RESOURCE_NOT_FOUND", "INVALID_PATH", request_id);
  const bool known_version = path.starts_with("/v2.0/") || !path.starts_with("/v");
  return error_response(api_error("RESOURCE_NOT_FOUND", known_version ? "PATH" : "VERSION"), request_id);
}

/// Whether a browser sends this for a page that is not ours: nobody's web page may steer a simulator that runs here.
bool from_another_site(const http::Request& request) {
  const auto origin = request.header("origin");
  return origin && *origin != "http://" + std::string(request.header("host").value_or(""));
}

/// The owner behind the credential of a request that is not admitted yet.
std::string owner_behind(const TokenDesk& desk, const http::Request& request, Place place) {
  if (place != Place::token) return desk.owner_of_access(bearer_of(request));
  auto token = http::form_value(request.body, "refresh_token");
  if (!token) token = http::form_value(request.query(), "refresh_token");
  return desk.owner_of_refresh(token.value_or(""));
}

}  // namespace

asio::awaitable<http::StagedResponse> Front::handle(http::Request request) {
  Visit visit = receive(std::move(request));
  std::optional<Fault> waiting;
  if (visit.fault && waits(*visit.fault)) waiting = visit.fault;
  if (waiting && !waiting->after) co_await wait_for(*waiting);
  http::StagedResponse staged = answer(visit);
  if (waiting && waiting->after) co_await wait_for(*waiting);
  co_return staged;
}

Front::Visit Front::receive(http::Request request) {
  Visit visit{.request = std::move(request), .entry = {}, .path = {}, .query = {}, .match = {}};
  visit.entry = sim_.log.open(visit.request, sim_.clock.now());
  visit.entry.request_id = sim_.request_ids.next();
  std::tie(visit.path, visit.query) = address_of(visit.request);
  visit.match = router_.find(visit.request.method, visit.path);
  visit.fault = fault_for(visit);
  if (visit.fault) visit.entry.fault = visit.fault->name;
  return visit;
}

std::optional<Fault> Front::fault_for(const Visit& visit) {
  FaultPlan& plan = sim_.world->faults;
  const Route* route = visit.match.route;
  if (route == nullptr || !route->place || plan.planned().empty()) return std::nullopt;
  const std::string owner = owner_behind(sim_.world->desk, visit.request, *route->place);
  const auto vehicle = visit.match.captures.find("id");
  const std::string_view id = vehicle == visit.match.captures.end() ? std::string_view() : vehicle->second;
  return plan.strike({*route->place, id, owner});
}

http::StagedResponse Front::answer(Visit& visit) {
  http::StagedResponse staged;
  const Route* route = visit.match.route;
  if (route != nullptr && !route->place && from_another_site(visit.request)) {
    staged.response = control_error(403, "control calls of another site's pages are refused");
  } else if (route == nullptr) {
    staged.response = not_found(visit.path, visit.entry.request_id);
  } else {
    Call call{sim_, visit.request, sim_.clock.now(), visit.entry, visit.match.captures, visit.query};
    staged = act(*route, call, visit.fault);
    note_changes(*route);
    visit.entry.route = std::string(route->method) + " " + std::string(route->pattern);
  }
  if (route != nullptr && !route->place) return staged;
  visit.entry.status = staged.ending == http::StagedResponse::Ending::whole ? staged.response.status : 0;
  staged.response.headers.push_back({"sc-request-id", visit.entry.request_id});
  sim_.log.keep(std::move(visit.entry));
  return staged;
}

http::StagedResponse Front::act(const Route& route, Call& call, const std::optional<Fault>& fault) {
  http::StagedResponse staged;
  if (route.place == Place::api && !call.sim.bucket.take(call.now)) {
    staged.response = error_response(api_error("RATE_LIMIT", "SMARTCAR_API"), call.entry.request_id);
    return staged;
  }
  if (!fault || fault->after || waits(*fault)) staged.response = route.act(call);
  if (!fault) return staged;
  if (fault->kind == FaultKind::duplicate) staged.response = route.act(call);
  return misbehave(*fault, call, std::move(staged.response));
}

void Front::note_changes(const Route& route) {
  const bool only_looks = route.method == "GET" && route.place != Place::connect;
  if (only_looks || sim_.world->webhooks.all().empty()) return;
  tell_changes(*sim_.world, sim_.clock.now());
  if (sim_.changed) sim_.changed();
}

asio::awaitable<void> Front::wait_for(Fault fault) {
  constexpr Milliseconds kLook{5};
  asio::steady_timer timer(co_await asio::this_coro::executor);
  if (fault.delay > Milliseconds(0)) {
    timer.expires_after(fault.delay);
    co_await timer.async_wait(asio::use_awaitable);
  }
  if (fault.kind != FaultKind::hold) co_return;
  const std::uint64_t releases = sim_.releases;
  ++sim_.held;
  while (sim_.releases == releases) {
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::use_awaitable);
  }
  --sim_.held;
}

}  // namespace keyfob::sim
