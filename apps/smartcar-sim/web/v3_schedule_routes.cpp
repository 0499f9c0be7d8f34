// v3 charge schedules. The vendor's pages only sketch their shapes; nothing is ever carried out, so there are no
// executions.
#include "web/json.hpp"
#include "web/sim.hpp"
#include "web/v3_call.hpp"

namespace keyfob::sim {
namespace {

json::object schedule_json(const std::string& id, const ChargeSchedule& schedule) {
  json::object attributes = parse_object(schedule.attributes).value_or(json::object());
  attributes["frequency"] = schedule.kind;
  return {{"id", id}, {"type", "charge-schedule"}, {"attributes", std::move(attributes)}};
}

http::Response create_schedule(Call& call) {
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  const std::string& kind = call.captured("kind");
  if (kind != "daily" && kind != "weekly" && kind != "workweek") return refuse_v3(call, kNoPath);
  const json::value body = parse_object(call.request.body).value_or(json::object());
  boost::system::error_code missing;
  const json::value* attributes = body.find_pointer("/data/attributes", missing);
  if (attributes == nullptr || !attributes->is_object()) {
    return refuse_v3(call, {400, "VALIDATION", "BAD_REQUEST", "data.attributes is missing"});
  }
  const std::string id = "schedule_" + call.entry.request_id;
  const ChargeSchedule schedule{kind, connection->user, connection->vehicle, to_text(*attributes)};
  call.world().schedules[id] = schedule;
  return json_response(201, json::object{{"data", schedule_json(id, schedule)}});
}

/// The schedule of the path, if it is of that user's vehicle.
std::map<std::string, ChargeSchedule>::iterator schedule_of_path(Call& call, const Connection& connection) {
  auto& all = call.world().schedules;
  const auto found = all.find(call.captured("schedule"));
  const bool fits =
      found != all.end() && found->second.user == connection.user && found->second.vehicle == connection.vehicle;
  return fits ? found : all.end();
}

http::Response delete_schedule(Call& call) {
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  const auto found = schedule_of_path(call, *connection);
  if (found == call.world().schedules.end()) return refuse_v3(call, kNoPath);
  call.world().schedules.erase(found);
  return no_content();
}

http::Response list_executions(Call& call) {
  const auto connection = connection_for_user(call);
  if (!connection) return refuse_v3(call, connection.error());
  if (schedule_of_path(call, *connection) == call.world().schedules.end()) return refuse_v3(call, kNoPath);
  const auto page = v3_page(call, 0, {10, 100});
  return page ? v3_list(call, {}, *page) : refuse_v3(call, page.error());
}

constexpr std::array kRoutes{
    Route{"POST", "/v3/vehicles/{id}/charge-schedules/{kind}", Place::api, create_schedule},
    Route{"DELETE", "/v3/vehicles/{id}/charge-schedules/{schedule}", Place::api, delete_schedule},
    Route{"GET", "/v3/vehicles/{id}/charge-schedules/{schedule}/executions", Place::api, list_executions},
};

}  // namespace

std::span<const Route> v3_schedule_routes() { return kRoutes; }

}  // namespace keyfob::sim
