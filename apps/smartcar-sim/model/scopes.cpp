#include "model/scopes.hpp"

#include <algorithm>

namespace keyfob::sim {

const std::vector<std::string>& all_permissions() {
  static const std::vector<std::string> kAll{"read_alerts",
                                             "read_battery",
                                             "read_charge",
                                             "read_charge_events",
                                             "read_charge_locations",
                                             "read_charge_records",
                                             "read_climate",
                                             "read_compass",
                                             "read_diagnostics",
                                             "read_engine_oil",
                                             "read_extended_vehicle_info",
                                             "read_fuel",
                                             "read_location",
                                             "read_odometer",
                                             "read_security",
                                             "read_service_history",
                                             "read_speedometer",
                                             "read_thermometer",
                                             "read_tires",
                                             "read_user_profile",
                                             "read_vehicle_info",
                                             "read_vin",
                                             "control_charge",
                                             "control_climate",
                                             "control_navigation",
                                             "control_pin",
                                             "control_security",
                                             "control_trunk"};
  return kAll;
}

Scopes::Scopes() {
  static const auto kEverything = std::make_shared<const Set>(all_permissions().begin(), all_permissions().end());
  set_ = kEverything;
}

Scopes::Scopes(const std::vector<std::string>& permissions)
    : set_(std::make_shared<const Set>(permissions.begin(), permissions.end())) {}

Scopes parse_scope(std::string_view scope) {
  constexpr std::string_view kRequired = "required:";
  std::vector<std::string> permissions;
  while (!scope.empty()) {
    const auto end = std::min(scope.find(' '), scope.size());
    std::string_view one = scope.substr(0, end);
    if (one.starts_with(kRequired)) one.remove_prefix(kRequired.size());
    if (!one.empty()) permissions.emplace_back(one);
    scope.remove_prefix(std::min(end + 1, scope.size()));
  }
  return permissions.empty() ? Scopes() : Scopes(permissions);
}

}  // namespace keyfob::sim
