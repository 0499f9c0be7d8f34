// The v3 vehicle API: connections, vehicles, signals, commands. One token for the whole application; `sc-user-id`
// says for whom.
#include <algorithm>

#include "web/bearer.hpp"
#include "web/fault_answers.hpp"
#include "web/json.hpp"
#include "web/paging.hpp"
#include "web/sim.hpp"
#include "web/v3_json.hpp"

namespace keyfob::sim {
namespace {

/// Who a v3 call speaks for.
struct V3Caller {
  std::string client;    ///< "" while any client is accepted
  std::string user;      ///< of sc-user-id, or the owner of a user token; may be empty
  const Grant* grant{};  ///< of a user token
};

struct V3Problem {
  int status;
  std::string_view type;
  std::string_view code;
  std::string_view detail{};
};

template <class T>
using V3Answer = std::expected<T, V3Problem>;

http::Response refuse_v3(const Call& call, const V3Problem& p) {
  return v3_error(p.status, p.type, p.code, call.entry.request_id, p.detail);
}

constexpr V3Problem kUnauthorized{401, "AUTHENTICATION", "UNAUTHORIZED",
                                  "The Authorization token is missing or invalid."};
constexpr V3Problem kNoVehicle{404, "RESOURCE_NOT_FOUND", "VEHICLE_NOT_FOUND"};
constexpr V3Problem kNoPath{404, "RESOURCE_NOT_FOUND", "INVALID_PATH"};

V3Answer<V3Caller> caller_of(const Call& call) {
  const std::string token = bearer_of(call.request);
  call.entry.credential = digest_of(token);
  if (const std::string* client = call.world().open_app_token(token, call.now)) {
    V3Caller caller{*client, std::string(call.request.header("sc-user-id").value_or("")), nullptr};
    call.entry.user = caller.user;
    return caller;
  }
  const Grant* grant = call.world().desk.open_access(token, call.now);
  if (grant == nullptr || !call.world().settings().v3_accepts_user_tokens) return std::unexpected(kUnauthorized);
  call.entry.user = grant->consent.user;
  return V3Caller{grant->consent.client, grant->consent.user, grant};
}

/// The connection through which the caller may see the vehicle of the path.
V3Answer<Connection> connection_for(const Call& call, const V3Caller& caller) {
  const std::string& id = call.captured("id");
  call.entry.vehicle = id;
  const auto found = call.world().connections([&](const Connection& c) {
    return c.vehicle == id && World::visible(c, caller.client) && (caller.user.empty() || c.user == caller.user);
  });
  if (found.empty()) return std::unexpected(kNoVehicle);
  const bool single = caller.grant != nullptr &&
                      std::ranges::find(caller.grant->consent.vehicles, id) == caller.grant->consent.vehicles.end();
  if (single) return std::unexpected(V3Problem{403, "AUTHENTICATION", "ACCESS_DENIED"});
  return found.front();
}

/// The same for calls that must say for whom.
V3Answer<Connection> connection_for_user(const Call& call) {
  const auto caller = caller_of(call);
  if (!caller) return std::unexpected(caller.error());
  if (caller->user.empty()) {
    return std::unexpected(
        V3Problem{400, "VALIDATION", "MISSING_PARAMETER", "The userId is missing: send sc-user-id."});
  }
  return connection_for(call, *caller);
}

http::Response single(const Call& call, json::object object) {
  if (!call.world().settings().v3_wraps_single_objects) return json_response(200, object);
  return json_response(200, json::object{{"data", std::move(object)}});
}

json::object page_links(const std::string& self) {
  return {{"self", self}, {"first", self}, {"last", self}, {"next", nullptr}, {"prev", nullptr}};
}

http::Response list_connections(Call& call) {
  const auto caller = caller_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  std::string user = call.parameter("filter[userId]");
  if (user.empty()) user = caller->user;
  const std::string vehicle = call.parameter("filter[vehicleId]");
  const std::string mode = call.parameter("filter[vehicle.mode]");
  const auto all = call.world().connections([&](const Connection& c) {
    return World::visible(c, caller->client) && (user.empty() || c.user == user) &&
           (vehicle.empty() || c.vehicle == vehicle) && (mode.empty() || c.mode == mode);
  });
  const auto size = count_parameter(call, "page[size]", 10, 100);
  const auto number = count_parameter(call, "page[number]", 1, 1'000'000);
  if (!size || !number || *size == 0 || *number == 0) {
    return refuse_v3(call, {400, "VALIDATION", "BAD_REQUEST", "page[size] or page[number] is out of range"});
  }
  json::array data;
  for (std::size_t i = (*number - 1) * *size; i < std::min(all.size(), *number * *size); ++i) {
    data.push_back(v3_connection_json(all[i], *call.world().owners.vehicle(all[i].vehicle)));
  }
  json::object meta{{"pageNumber", *number},
                    {"pageSize", *size},
                    {"totalCount", all.size()},
                    {"orderBy", "createdAt"},
                    {"orderDirection", "DESC"}};
  json::object links = page_links("/v3/connections");
  if (*number * *size < all.size()) links["next"] = "/v3/connections?page[number]=" + std::to_string(*number + 1);
  return json_response(200, json::object{{"data", std::move(data)}, {"meta", meta}, {"links", links}});
}

V3Answer<Connection> connection_of_path(const Call& call) {
  const auto caller = caller_of(call);
  if (!caller) return std::unexpected(caller.error());
  const Connection* found = call.world().connection(call.captured("connection"));
  if (found == nullptr || !World::visible(*found, caller->client)) return std::unexpected(kNoPath);
  return *found;
}

http::Response show_connection(Call& call) {
  const auto found = connection_of_path(call);
  if (!found) return refuse_v3(call, found.error());
  return json_response(
      200, json::object{{"data", v3_connection_json(*found, *call.world().owners.vehicle(found->vehicle))}});
}

http::Response no_content() {
  http::Response response;
  response.status = 204;
  return response;
}

http::Response remove_connection(Call& call) {
  const auto found = connection_of_path(call);
  if (!found) return refuse_v3(call, found.error());
  call.world().disconnect([&](const Connection& c) { return c.id == found->id; });
  return no_content();
}

http::Response remove_user(Call& call) {
  const auto caller = caller_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  const std::string& user = call.captured("user");
  const auto removed =
      call.world().disconnect([&](const Connection& c) { return c.user == user && World::visible(c, caller->client); });
  return removed.empty() ? refuse_v3(call, kNoPath) : no_content();
}

http::Response show_vehicle(Call& call) {
  const auto caller = caller_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  const auto connection = connection_for(call, *caller);
  if (!connection) return refuse_v3(call, connection.error());
  return single(call, v3_vehicle_json(*call.world().owners.vehicle(connection->vehicle), connection->mode));
}

http::Response list_signals(Call& call) {
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  const Vehicle& vehicle = *call.world().owners.vehicle(connection->vehicle);
  json::array data;
  for (const Signal* signal : signals_of(vehicle)) data.push_back(signal_json(*signal, vehicle, call.now));
  const std::size_t count = data.size();
  return json_response(
      200, json::object{{"data", std::move(data)},
                        {"meta", json::object{{"page", 1}, {"pageSize", 10}, {"totalCount", count}}},
                        {"links", page_links("/v3/vehicles/" + vehicle.id + "/signals")},
                        {"included", json::object{{"vehicle", v3_vehicle_json(vehicle, connection->mode)}}}});
}

http::Response show_signal(Call& call) {
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  const Vehicle& vehicle = *call.world().owners.vehicle(connection->vehicle);
  const auto known = signals_of(vehicle);
  const auto found = std::ranges::find(known, call.captured("code"), &Signal::code);
  if (found == known.end()) return refuse_v3(call, kNoPath);
  return single(call, signal_json(**found, vehicle, call.now));
}

/// What a v3 command changes; false when its attributes are wrong.
bool carry_out(Vehicle& vehicle, std::string_view command, const json::object& attributes) {
  if (command == "charge/start" || command == "charge/stop") vehicle.charging = command == "charge/start";
  if (command == "security/lock" || command == "security/unlock") vehicle.locked = command == "security/lock";
  if (command == "navigation/set-destination") {
    return number_of(attributes, "latitude") && number_of(attributes, "longitude");
  }
  if (command != "charge/set-limit") return true;
  const auto percent = number_of(attributes, "percent");
  if (!percent || *percent < 0 || *percent > 100) return false;
  vehicle.charge_limit = *percent / 100;
  return true;
}

json::object attributes_in(const http::Request& request) {
  const json::value body = parse_object(request.body).value_or(json::object());
  boost::system::error_code missing;
  const json::value* attributes = body.find_pointer("/data/attributes", missing);
  return attributes != nullptr && attributes->is_object() ? attributes->get_object() : json::object();
}

http::Response command(Call& call) {
  constexpr std::array<std::string_view, 6> kKnown{"charge/start",  "charge/stop",     "charge/set-limit",
                                                   "security/lock", "security/unlock", "navigation/set-destination"};
  const std::string name = call.captured("rest").substr(1);
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  if (std::ranges::find(kKnown, name) == kKnown.end()) return refuse_v3(call, kNoPath);
  const json::object attributes = attributes_in(call.request);
  if (!carry_out(*call.world().owners.vehicle(connection->vehicle), name, attributes)) {
    return refuse_v3(call, {400, "VALIDATION", "BAD_REQUEST", "an attribute is missing or out of range"});
  }
  const std::string now = to_rfc3339(call.now);
  json::object data{{"id", "exec_" + call.entry.request_id},
                    {"type", "command-execution"},
                    {"attributes", json::object{{"commandType", name},
                                                {"status", json::object{{"value", "SUCCESS"}}},
                                                {"executionMode", "sync"},
                                                {"parameters", attributes}}},
                    {"meta", json::object{{"executedAt", now}, {"completedAt", now}, {"durationInSeconds", 0}}}};
  return json_response(200, json::object{{"data", std::move(data)}});
}

constexpr std::array kRoutes{
    Route{"GET", "/v3/connections", Place::management, list_connections},
    Route{"GET", "/v3/connections/{connection}", Place::management, show_connection},
    Route{"DELETE", "/v3/connections/{connection}", Place::management, remove_connection},
    Route{"DELETE", "/v3/users/{user}", Place::management, remove_user},
    Route{"GET", "/v3/vehicles/{id}", Place::api, show_vehicle},
    Route{"GET", "/v3.0/vehicles/{id}", Place::api, show_vehicle},  // the token guide's own sample path
    Route{"GET", "/v3/vehicles/{id}/signals", Place::api, list_signals},
    Route{"GET", "/v3/vehicles/{id}/signals/{code}", Place::api, show_signal},
    Route{"POST", "/v3/vehicles/{id}/commands/{rest*}", Place::api, command},
};

}  // namespace

std::span<const Route> v3_routes() { return kRoutes; }

}  // namespace keyfob::sim
