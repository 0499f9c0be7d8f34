// The v3 vehicle API: connections, vehicles, signals, commands. One token for the whole application; `sc-user-id`
// says for whom.
#include <algorithm>

#include "web/bearer.hpp"
#include "web/fault_answers.hpp"
#include "web/json.hpp"
#include "web/paging.hpp"
#include "web/sim.hpp"
#include "web/v3_call.hpp"
#include "web/v3_json.hpp"

namespace keyfob::sim {
namespace {

http::Response single(const Call& call, json::object object) {
  if (!call.world().settings().v3_wraps_single_objects) return json_response(200, object);
  return json_response(200, json::object{{"data", std::move(object)}});
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
  const auto page = v3_page(call, all.size(), {10, 100});
  if (!page) return refuse_v3(call, page.error());
  json::array data;
  for (std::size_t i = page->begin; i < page->end; ++i) {
    data.push_back(v3_connection_json(all[i], *call.world().owners.vehicle(all[i].vehicle)));
  }
  return v3_list(call, std::move(data), *page);
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

/// Signals are a store that webhooks feed: without a subscription there is nothing in it.
bool collected(const Call& call, const Connection& connection) {
  return call.world().settings().unsubscribed_signals == Unsubscribed::served ||
         call.world().webhooks.collects(connection.user, connection.vehicle);
}

json::object dated_signal(const Call& call, const Signal& signal, const Vehicle& vehicle) {
  json::object one = signal_json(signal, vehicle, call.now);
  if (!call.world().settings().v3_epoch_timestamps) return one;
  one["meta"] = json::object{{"retrievedAt", to_unix_ms(call.now)},
                             {"oemUpdatedAt", to_unix_ms(vehicle.data_at)},
                             {"ingestedAt", to_unix_ms(call.now)}};
  return one;
}

http::Response list_signals(Call& call) {
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  const Vehicle& vehicle = *call.world().owners.vehicle(connection->vehicle);
  const bool there = collected(call, *connection);
  if (!there && call.world().settings().unsubscribed_signals == Unsubscribed::not_found)
    return refuse_v3(call, kNoPath);
  json::array data;
  for (const Signal* signal : signals_of(vehicle)) {
    if (there) data.push_back(dated_signal(call, *signal, vehicle));
  }
  const std::size_t count = data.size();
  return json_response(
      200, json::object{{"data", std::move(data)},
                        {"meta", json::object{{"page", 1}, {"pageSize", 10}, {"totalCount", count}}},
                        {"links", v3_links("/v3/vehicles/" + vehicle.id + "/signals")},
                        {"included", json::object{{"vehicle", v3_vehicle_json(vehicle, connection->mode)}}}});
}

http::Response show_signal(Call& call) {
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  const Vehicle& vehicle = *call.world().owners.vehicle(connection->vehicle);
  const auto known = signals_of(vehicle);
  const auto found = std::ranges::find(known, call.captured("code"), &Signal::code);
  if (found == known.end() || !collected(call, *connection)) return refuse_v3(call, kNoPath);
  return single(call, dated_signal(call, **found, vehicle));
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
