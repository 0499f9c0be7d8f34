#include "web/endpoints.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/time.hpp"

namespace keyfob::sim {
namespace {

double round2(double value) { return std::round(value * 100) / 100; }
double distance(double km, bool imperial) { return round2(imperial ? km * 0.621371 : km); }
double pressure(double kpa, bool imperial) { return round2(imperial ? kpa * 0.145038 : kpa); }
double volume(double litres, bool imperial) { return round2(imperial ? litres * 0.264172 : litres); }

json::value attributes(const Vehicle& v, bool) {
  return {{"id", v.id}, {"make", v.make}, {"model", v.model}, {"year", v.year}};
}

json::value vin(const Vehicle& v, bool) { return json::object{{"vin", v.vin}}; }

json::value odometer(const Vehicle& v, bool imperial) {
  return json::object{{"distance", distance(v.odometer, imperial)}};
}

json::value location(const Vehicle& v, bool) {
  return json::object{{"latitude", v.latitude}, {"longitude", v.longitude}};
}

json::value fuel(const Vehicle& v, bool imperial) {
  return json::object{{"range", distance(v.fuel * 667, imperial)},
                      {"percentRemaining", v.fuel},
                      {"amountRemaining", volume(v.fuel * 63.7, imperial)}};
}

json::value battery(const Vehicle& v, bool imperial) {
  return json::object{{"range", distance(v.battery * 410, imperial)}, {"percentRemaining", v.battery}};
}

json::value battery_capacity(const Vehicle&, bool) { return json::object{{"capacity", 75}}; }

json::value nominal_capacity(const Vehicle&, bool) {
  json::array available{json::object{{"capacity", 70.9}, {"description", nullptr}}};
  return json::object{{"availableCapacities", std::move(available)},
                      {"capacity", json::object{{"nominal", 70.9}, {"source", "USER_SELECTED"}}},
                      {"url", nullptr}};
}

json::value charge(const Vehicle& v, bool) {
  const bool full = v.battery >= v.charge_limit;
  const char* state = full ? "FULLY_CHARGED" : v.charging && v.plugged_in ? "CHARGING" : "NOT_CHARGING";
  return json::object{{"isPluggedIn", v.plugged_in}, {"state", state}};
}

json::value charge_limit(const Vehicle& v, bool) { return json::object{{"limit", v.charge_limit}}; }

json::value oil(const Vehicle& v, bool) { return json::object{{"lifeRemaining", v.oil_life}}; }

json::value tires(const Vehicle&, bool imperial) {
  const double value = pressure(219.3, imperial);
  return json::object{{"frontLeft", value}, {"frontRight", value}, {"backLeft", value}, {"backRight", value}};
}

json::array closures(std::initializer_list<const char*> names) {
  json::array array;
  for (const char* name : names) array.push_back(json::object{{"type", name}, {"status", "CLOSED"}});
  return array;
}

json::value security(const Vehicle& v, bool) {
  return json::object{{"isLocked", v.locked},
                      {"doors", closures({"frontLeft", "frontRight", "backLeft", "backRight"})},
                      {"windows", closures({"frontLeft", "frontRight", "backLeft", "backRight"})},
                      {"sunroof", closures({"sunroof"})},
                      {"storage", closures({"front", "rear"})},
                      {"chargingPort", v.powertrain == Powertrain::ice ? json::array() : closures({"chargingPort"})}};
}

json::value service_history(const Vehicle& v, bool imperial) {
  json::object cost{{"totalCost", 82.5}, {"currency", "USD"}};
  json::array tasks{json::object{{"taskId", "262"}, {"taskDescription", "Inspection"}}};
  return json::array{json::object{{"serviceId", 12345},
                                  {"serviceDate", "2026-01-02T03:04:05.000Z"},
                                  {"odometerDistance", distance(v.odometer / 2, imperial)},
                                  {"serviceTasks", std::move(tasks)},
                                  {"serviceDetails", json::array()},
                                  {"serviceCost", std::move(cost)}}};
}

json::value system_status(const Vehicle&, bool) {
  json::array systems{json::object{{"systemId", "SYSTEM_ABS"}, {"status", "OK"}, {"description", nullptr}},
                      json::object{{"systemId", "SYSTEM_AIRBAG"}, {"status", "OK"}, {"description", nullptr}}};
  return json::object{{"systems", std::move(systems)}};
}

json::value trouble_codes(const Vehicle&, bool) {
  json::array codes{json::object{{"code", "P302D"}, {"timestamp", "2026-01-02T03:04:05.000Z"}}};
  return json::object{{"activeCodes", std::move(codes)}};
}

std::unexpected<ApiError> bad_parameter(std::string_view field, std::string_view what) {
  ApiError error = api_error("VALIDATION", "PARAMETER", what);
  error.field = field;
  return std::unexpected(std::move(error));
}

CommandAnswer lock(Vehicle& v, const json::object& body) {
  const std::string action = text_of(body, "action").value_or("");
  if (action != "LOCK" && action != "UNLOCK") return bad_parameter("action", "action must be LOCK or UNLOCK");
  v.locked = action == "LOCK";
  return {};
}

CommandAnswer charging(Vehicle& v, const json::object& body) {
  const std::string action = text_of(body, "action").value_or("");
  if (action != "START" && action != "STOP") return bad_parameter("action", "action must be START or STOP");
  if (!v.plugged_in) return std::unexpected(api_error("VEHICLE_STATE", "CHARGING_PLUG_NOT_CONNECTED"));
  v.charging = action == "START";
  return {};
}

CommandAnswer set_charge_limit(Vehicle& v, const json::object& body) {
  const auto limit = number_of(body, "limit");
  if (!limit || *limit < 0 || *limit > 1) return bad_parameter("limit", "limit must be from 0 to 1");
  v.charge_limit = *limit;
  return {};
}

CommandAnswer navigate(Vehicle&, const json::object& body) {
  if (!number_of(body, "latitude")) return bad_parameter("latitude", "latitude must be a number");
  if (!number_of(body, "longitude")) return bad_parameter("longitude", "longitude must be a number");
  return {};
}

constexpr std::array kReadings{
    Reading{"", "read_vehicle_info", Needs::nothing, attributes},
    Reading{"/vin", "read_vin", Needs::nothing, vin},
    Reading{"/odometer", "read_odometer", Needs::nothing, odometer},
    Reading{"/location", "read_location", Needs::nothing, location},
    Reading{"/fuel", "read_fuel", Needs::fuel, fuel},
    Reading{"/battery", "read_battery", Needs::battery, battery},
    Reading{"/battery/capacity", "read_battery", Needs::battery, battery_capacity},
    Reading{"/battery/nominal_capacity", "read_battery", Needs::battery, nominal_capacity},
    Reading{"/charge", "read_charge", Needs::battery, charge},
    Reading{"/charge/limit", "read_charge", Needs::battery, charge_limit},
    Reading{"/engine/oil", "read_engine_oil", Needs::fuel, oil},
    Reading{"/tires/pressure", "read_tires", Needs::nothing, tires},
    Reading{"/security", "read_security", Needs::nothing, security},
    Reading{"/service/history", "read_service_history", Needs::nothing, service_history},
    Reading{"/diagnostics/system_status", "read_diagnostics", Needs::nothing, system_status},
    Reading{"/diagnostics/dtcs", "read_diagnostics", Needs::nothing, trouble_codes},
};

json::value speed(const Vehicle& v, bool imperial) {
  return json::object{{"speed", v.charging ? 0.0 : distance(42, imperial)}};
}
json::value compass(const Vehicle&, bool) { return json::object{{"heading", 185.2}, {"direction", "S"}}; }
json::value temperature(const Vehicle&, bool imperial) { return json::object{{"temperature", imperial ? 71.6 : 22.0}}; }
json::value amperage(const Vehicle& v, bool) { return json::object{{"amperage", v.charging ? 16.0 : 0.0}}; }
json::value voltage(const Vehicle& v, bool) { return json::object{{"voltage", v.charging ? 230.0 : 0.0}}; }
json::value wattage(const Vehicle& v, bool) { return json::object{{"wattage", v.charging ? 3.68 : 0.0}}; }

/// Their bodies are the maker's affair and vary; these are the usual ones.
constexpr std::array kMakeReadings{
    Reading{"/speedometer", "read_speedometer", Needs::nothing, speed},
    Reading{"/compass", "read_compass", Needs::nothing, compass},
    Reading{"/interior_thermometer", "read_thermometer", Needs::nothing, temperature},
    Reading{"/exterior_thermometer", "read_thermometer", Needs::nothing, temperature},
    Reading{"/charge/ammeter", "read_charge", Needs::battery, amperage},
    Reading{"/charge/voltmeter", "read_charge", Needs::battery, voltage},
    Reading{"/charge/wattmeter", "read_charge", Needs::battery, wattage},
};

constexpr std::array kCommands{
    Command{"/security", "control_security", Needs::nothing, lock},
    Command{"/charge", "control_charge", Needs::battery, charging},
    Command{"/charge/limit", "control_charge", Needs::battery, set_charge_limit},
    Command{"/navigation/destination", "control_navigation", Needs::nothing, navigate},
};

}  // namespace

std::span<const Reading> readings() { return kReadings; }
std::span<const Command> commands() { return kCommands; }

const Reading* find_reading(std::string_view path) {
  const auto found = std::ranges::find(kReadings, path, &Reading::path);
  return found == kReadings.end() ? nullptr : &*found;
}

const Reading* find_make_reading(std::string_view path) {
  const auto found = std::ranges::find(kMakeReadings, path, &Reading::path);
  return found == kMakeReadings.end() ? nullptr : &*found;
}

const Command* find_command(std::string_view path) {
  const auto found = std::ranges::find(kCommands, path, &Command::path);
  return found == kCommands.end() ? nullptr : &*found;
}

bool capable(const Vehicle& vehicle, Needs needs) {
  switch (needs) {
    case Needs::nothing: return true;
    case Needs::battery: return vehicle.powertrain != Powertrain::ice;
    case Needs::fuel: return vehicle.powertrain != Powertrain::bev;
  }
  return false;
}

}  // namespace keyfob::sim
