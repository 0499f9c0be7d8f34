#pragma once
// The v3 shapes (JSON:API): connections, vehicles, signals.

#include <string_view>

#include "model/world.hpp"
#include "web/json.hpp"

namespace keyfob::sim {

/// One v3 signal: where its value comes from.
struct Signal {
  std::string_view code;
  std::string_view group;
  std::string_view name;
  std::string_view unit;  ///< empty: none
  bool electric;          ///< only vehicles with a traction battery have it
  json::value (*read)(const Vehicle&);
};

[[nodiscard]] std::vector<const Signal*> signals_of(const Vehicle& vehicle);
[[nodiscard]] json::object signal_json(const Signal& signal, const Vehicle& vehicle, WallTime now);
[[nodiscard]] json::object v3_vehicle_json(const Vehicle& vehicle, std::string_view mode);
[[nodiscard]] json::object v3_connection_json(const Connection& connection, const Vehicle& vehicle);

}  // namespace keyfob::sim
