#include "web/v3_json.hpp"

#include <array>
#include <cmath>

namespace keyfob::sim {
namespace {

double percent(double share) { return std::round(share * 100); }

constexpr std::array kSignals{
    Signal{"odometer-traveleddistance", "Odometer", "TraveledDistance", "km", false,
           [](const Vehicle& v) { return json::value(v.odometer); }},
    Signal{"vehicleidentification-vin", "VehicleIdentification", "VIN", "", false,
           [](const Vehicle& v) { return json::value(json::string_view(v.vin)); }},
    Signal{"closure-islocked", "Closure", "IsLocked", "", false,
           [](const Vehicle& v) { return json::value(v.locked); }},
    Signal{"location-preciselocation", "Location", "PreciseLocation", "", false,
           [](const Vehicle& v) {
             return json::value(json::object{{"latitude", v.latitude}, {"longitude", v.longitude}});
           }},
    Signal{"tractionbattery-stateofcharge", "TractionBattery", "StateOfCharge", "percent", true,
           [](const Vehicle& v) { return json::value(percent(v.battery)); }},
    Signal{"tractionbattery-range", "TractionBattery", "Range", "km", true,
           [](const Vehicle& v) { return json::value(std::round(v.battery * 410)); }},
    Signal{"charge-ischarging", "Charge", "IsCharging", "", true,
           [](const Vehicle& v) { return json::value(v.charging && v.plugged_in); }},
    Signal{"charge-chargelimits", "Charge", "ChargeLimits", "percent", true,
           [](const Vehicle& v) { return json::value(percent(v.charge_limit)); }},
};

json::object reference(std::string_view id, std::string_view type) { return {{"id", id}, {"type", type}}; }

}  // namespace

std::vector<const Signal*> signals_of(const Vehicle& vehicle) {
  std::vector<const Signal*> found;
  for (const Signal& signal : kSignals) {
    if (!signal.electric || vehicle.powertrain != Powertrain::ice) found.push_back(&signal);
  }
  return found;
}

json::object signal_json(const Signal& signal, const Vehicle& vehicle, WallTime now) {
  json::object body{{"value", signal.read(vehicle)}};
  if (!signal.unit.empty()) body["unit"] = signal.unit;
  json::object attributes{{"code", signal.code},
                          {"name", signal.name},
                          {"group", signal.group},
                          {"status", json::object{{"value", "SUCCESS"}}},
                          {"body", std::move(body)}};
  json::object meta{
      {"retrievedAt", to_rfc3339(now)}, {"oemUpdatedAt", to_rfc3339(vehicle.data_at)}, {"ingestedAt", to_rfc3339(now)}};
  const std::string self = "/v3/vehicles/" + vehicle.id + "/signals/" + std::string(signal.code);
  return {{"id", signal.code},
          {"type", "signal"},
          {"attributes", std::move(attributes)},
          {"meta", std::move(meta)},
          {"links", json::object{{"self", self}}}};
}

json::object v3_vehicle_json(const Vehicle& v, std::string_view mode) {
  return {{"id", v.id},
          {"type", "vehicle"},
          {"attributes", json::object{{"make", v.make},
                                      {"model", v.model},
                                      {"year", v.year},
                                      {"powertrainType", to_string(v.powertrain)},
                                      {"mode", mode}}},
          {"links", json::object{{"self", "/v3/vehicles/" + v.id}}}};
}

json::object v3_connection_json(const Connection& c, const Vehicle& vehicle) {
  const json::value details = v3_vehicle_json(vehicle, c.mode).at("attributes");
  json::object relationships{
      {"vehicle", json::object{{"data", reference(c.vehicle, "vehicle")},
                               {"links", json::object{{"related", "/v3/vehicles/" + c.vehicle}}}}},
      {"user", json::object{{"data", reference(c.user, "user")}}}};
  const std::string since = to_rfc3339(c.connected_at);
  return {{"id", c.id},
          {"type", "connection"},
          {"attributes",
           json::object{
               {"permissions", array_of(c.permissions)}, {"vehicle", details}, {"user", json::object{{"id", c.user}}}}},
          {"relationships", std::move(relationships)},
          {"meta", json::object{{"createdAt", since}, {"updatedAt", since}}},
          {"links", json::object{{"self", "/v3/connections/" + c.id}}}};
}

}  // namespace keyfob::sim
