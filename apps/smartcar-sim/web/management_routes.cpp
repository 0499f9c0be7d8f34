// The v2.0 management API (Basic default:AMT) and the calls made with the client's or the management credential.
#include "base/bytes.hpp"
#include "web/bearer.hpp"
#include "web/endpoints.hpp"
#include "web/json.hpp"
#include "web/paging.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {
namespace {

/// The client whose management token the call carries; null when there is none.
const std::string* manager_of(const Call& call) {
  return call.world().clients.accepts_management(management_token_of(call.request));
}

/// The connections that the query names, of that client.
std::vector<Connection> named_connections(const Call& call, const std::string& client) {
  const std::string user = call.parameter("user_id");
  const std::string vehicle = call.parameter("vehicle_id");
  const std::string mode = call.parameter("mode");
  return call.world().connections([&](const Connection& c) {
    return World::visible(c, client) && (user.empty() || c.user == user) && (vehicle.empty() || c.vehicle == vehicle) &&
           (mode.empty() || c.mode == mode);
  });
}

std::string cursor_after(const Connection& last) { return to_base64url(as_bytes("AES-256-CBC::" + last.id)); }

/// Where the page that a cursor asks for starts. A cursor whose connection is gone ends the list.
std::size_t start_of(const std::vector<Connection>& all, const std::string& cursor) {
  if (cursor.empty()) return 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (cursor_after(all[i]) == cursor) return i + 1;
  }
  return all.size();
}

http::Response list_connections(Call& call) {
  const std::string* client = manager_of(call);
  if (client == nullptr) return refuse(call, api_error("AUTHENTICATION"));
  const auto limit = count_parameter(call, "limit", 10, 100);
  if (!limit) return refuse(call, api_error("VALIDATION", "PARAMETER", "limit is out of range"));
  const auto all = named_connections(call, *client);
  const std::size_t start = start_of(all, call.parameter("cursor"));
  const std::size_t end = std::min(all.size(), start + *limit);
  json::array page;
  for (std::size_t i = start; i < end; ++i) {
    page.push_back(json::object{{"userId", all[i].user},
                                {"vehicleId", all[i].vehicle},
                                {"connectedAt", to_rfc3339(all[i].connected_at)},
                                {"mode", all[i].mode}});
  }
  const bool more = end < all.size() && end > start;
  const json::value cursor = more ? json::value(json::string_view(cursor_after(all[end - 1]))) : json::value(nullptr);
  return json_response(200, json::object{{"connections", std::move(page)},
                                         {"paging", json::object{{"cursor", cursor}, {"count", end - start}}}});
}

http::Response delete_connections(Call& call) {
  const std::string* client = manager_of(call);
  if (client == nullptr) return refuse(call, api_error("AUTHENTICATION"));
  if (call.parameter("user_id").empty() && call.parameter("vehicle_id").empty()) {
    return refuse(call, api_error("VALIDATION", "PARAMETER", "user_id or vehicle_id is required"));
  }
  json::array removed;
  for (const Connection& one : named_connections(call, *client)) {
    call.world().disconnect([&](const Connection& c) { return c.id == one.id; });
    removed.push_back(json::object{{"userId", one.user}, {"vehicleId", one.vehicle}});
  }
  return json_response(200, json::object{{"connections", std::move(removed)}});
}

http::Response subscribe(Call& call) {
  const auto admission = admit_vehicle(call, "");
  if (!admission) return refuse(call, admission.error());
  const std::string& webhook = call.captured("webhook");
  call.world().webhooks.subscribe(webhook, admission->grant->consent.user, admission->vehicle->id, call.now);
  return json_response(200, json::object{{"webhookId", webhook}, {"vehicleId", admission->vehicle->id}});
}

http::Response unsubscribe(Call& call) {
  if (manager_of(call) == nullptr) return refuse(call, api_error("AUTHENTICATION"));
  call.world().webhooks.unsubscribe(
      [&](const Subscription& s) { return s.webhook == call.captured("webhook") && s.vehicle == call.captured("id"); });
  return json_response(200, json::object{{"status", "success"}});
}

bool client_accepted(const Call& call) {
  const std::string_view header = call.request.header("authorization").value_or("");
  if (!header.starts_with("Basic ")) return false;
  const auto bytes = from_base64(header.substr(6)).value_or(Bytes());
  const std::string_view pair = as_text(bytes);
  const auto colon = pair.find(':');
  return colon != std::string_view::npos && call.world().clients.accepts(pair.substr(0, colon), pair.substr(colon + 1));
}

/// The permissions asked about; none asked: all that have an endpoint.
http::Response compatibility(Call& call) {
  if (!client_accepted(call)) return refuse(call, api_error("AUTHENTICATION"));
  const std::string vin = call.parameter("vin");
  if (vin.size() != 17) return refuse(call, api_error("VALIDATION", "PARAMETER", "vin must have 17 characters"));
  const bool compatible = !vin.starts_with("0SCAUDI012FE3");
  const auto asked = parse_scope(call.parameter("scope"));
  json::array capabilities;
  for (const Reading& reading : readings()) {
    if (!asked.contains(reading.permission)) continue;
    capabilities.push_back(json::object{{"permission", reading.permission},
                                        {"endpoint", reading.path.empty() ? "/" : reading.path},
                                        {"capable", compatible},
                                        {"reason", compatible ? json::value(nullptr) : "SMARTCAR_NOT_CAPABLE"}});
  }
  return json_response(200, json::object{{"compatible", compatible},
                                         {"reason", compatible ? json::value(nullptr) : "VEHICLE_NOT_COMPATIBLE"},
                                         {"capabilities", std::move(capabilities)}});
}

http::Response compatibility_matrix(Call& call) {
  if (!client_accepted(call)) return refuse(call, api_error("AUTHENTICATION"));
  const std::string region = call.parameter("region");
  if (region != "US" && region != "CA" && region != "EUROPE") {
    return refuse(call, api_error("VALIDATION", "PARAMETER", "region must be US, CA or EUROPE"));
  }
  json::array models{json::object{{"model", "e-tron"},
                                  {"startYear", 2019},
                                  {"endYear", 2024},
                                  {"type", "BEV"},
                                  {"endpoints", json::array{"EV battery", "Odometer"}},
                                  {"permissions", json::array{"read_battery", "read_odometer"}}}};
  return json_response(200, json::object{{"AUDI", std::move(models)}});
}

constexpr std::array kRoutes{
    Route{"GET", "/v2.0/management/connections", Place::management, list_connections},
    Route{"DELETE", "/v2.0/management/connections", Place::management, delete_connections},
    Route{"POST", "/v2.0/vehicles/{id}/webhooks/{webhook}", Place::api, subscribe},
    Route{"DELETE", "/v2.0/vehicles/{id}/webhooks/{webhook}", Place::api, unsubscribe},
    Route{"GET", "/v2.0/compatibility", Place::api, compatibility},
    Route{"GET", "/v2.0/compatibility/matrix", Place::api, compatibility_matrix},
};

}  // namespace

std::span<const Route> management_routes() { return kRoutes; }

}  // namespace keyfob::sim
