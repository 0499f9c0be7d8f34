// Smartcar Connect: GET /oauth/authorize and /oauth/reauthenticate, and the decision that the page posts back.
#include "model/connect.hpp"
#include "web/connect_page.hpp"
#include "web/json.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {
namespace {

ConnectRequest read_request(const Call& call) {
  ConnectRequest request;
  request.client_id = call.parameter("client_id");
  if (request.client_id.empty()) request.client_id = call.parameter("application_id");
  request.response_type = call.parameter("response_type");
  request.redirect_uri = call.parameter("redirect_uri");
  request.scope = call.parameter("scope");
  request.state = call.parameter("state");
  request.mode = call.parameter("mode");
  request.single_select = call.parameter("single_select");
  request.single_select_vin = call.parameter("single_select_vin");
  request.make = call.parameter("make");
  request.external_id = call.parameter("external_id");
  request.vehicle_id = call.parameter("vehicle_id");
  return request;
}

bool from_browser(const Call& call) {
  return call.request.header("accept").value_or("").find("text/html") != std::string_view::npos;
}

http::Response go_to(std::string location) {
  http::Response response = text_response(302, "text/plain", "");
  response.headers.push_back({"location", std::move(location)});
  response.headers.push_back({"cache-control", "no-store"});
  return response;
}

http::Response problem(const Call& call, const std::string& what) {
  if (from_browser(call)) return text_response(400, "text/html; charset=utf-8", problem_page(what));
  return json_response(400, json::object{{"error", "invalid_request"}, {"error_description", what}});
}

/// What the preset or `?auto=allow|deny|ERROR&auto_user=NAME` decides; nothing: a person has to.
std::optional<Decision> automatic_decision(const Call& call) {
  const ConsentPreset& preset = call.world().preset;
  const std::string order = call.parameter("auto");
  if (order.empty() && from_browser(call) && !preset.automatic) return std::nullopt;
  Decision decision{preset.error, preset.user, preset.vehicles};
  if (order == "allow") decision.error = "";
  if (order == "deny") decision.error = "access_denied";
  if (!order.empty() && order != "allow" && order != "deny") decision.error = order;
  if (const std::string user = call.parameter("auto_user"); !user.empty()) decision = {decision.error, user, {}};
  return decision;
}

/// Every value of a repeated form field.
std::vector<std::string> form_values(std::string_view form, std::string_view name) {
  std::vector<std::string> values;
  while (!form.empty()) {
    const auto end = std::min(form.find('&'), form.size());
    if (auto value = http::form_value(form.substr(0, end), name); value && !value->empty()) {
      values.push_back(std::move(*value));
    }
    form.remove_prefix(std::min(end + 1, form.size()));
  }
  return values;
}

Decision posted_decision(Call& call) {
  const std::string& form = call.request.body;
  const auto field = [&](std::string_view name) { return http::form_value(form, name).value_or(""); };
  Decision decision{field("error"), field("email"), {}};
  if (field("decision") != "allow" && decision.error.empty()) decision.error = "access_denied";
  if (!decision.user.empty()) return decision;
  decision.user = field("user");
  const Owner* owner = call.world().owners.find(decision.user);
  for (std::string& id : form_values(form, "vehicle")) {  // the page lists every owner's vehicles
    if (owner != nullptr && call.world().owners.vehicle_of(*owner, id) != nullptr) {
      decision.vehicles.push_back(std::move(id));
    }
  }
  return decision;
}

http::Response conclude_with(Call& call, const ConnectRequest& request, const Decision& decision) {
  call.entry.outcome = decision.error.empty() ? "allowed" : decision.error;
  call.entry.client_id = request.client_id;
  return go_to(conclude(call.world(), request, decision, call.now));
}

http::Response authorize(Call& call) {
  const ConnectRequest request = read_request(call);
  if (const auto fatal = fatal_problem(call.world().clients, request)) return problem(call, *fatal);
  if (const auto decision = automatic_decision(call)) return conclude_with(call, request, *decision);
  const std::string action = "/oauth/authorize?" + call.query;
  return text_response(200, "text/html; charset=utf-8", consent_page(call.world(), request, action));
}

http::Response decide(Call& call) {
  const ConnectRequest request = read_request(call);
  if (const auto fatal = fatal_problem(call.world().clients, request)) return problem(call, *fatal);
  return conclude_with(call, request, posted_decision(call));
}

http::Response reauthenticate(Call& call) {
  const ConnectRequest request = read_request(call);
  if (const auto fatal = fatal_problem(call.world().clients, request)) return problem(call, *fatal);
  const Decision decision = automatic_decision(call).value_or(Decision{});
  return go_to(conclude_reauthentication(call.world(), request, decision));
}

constexpr std::array kRoutes{
    Route{"GET", "/oauth/authorize", Place::connect, authorize},
    Route{"POST", "/oauth/authorize", Place::connect, decide},
    Route{"GET", "/oauth/reauthenticate", Place::connect, reauthenticate},
};

}  // namespace

std::span<const Route> connect_routes() { return kRoutes; }

}  // namespace keyfob::sim
