#pragma once
// The simulator's own things as JSON, and back.

#include "web/json.hpp"
#include "web/request_log.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {

[[nodiscard]] json::object vehicle_json(const Vehicle& vehicle);
[[nodiscard]] json::object owner_json(World& world, const Owner& owner);
[[nodiscard]] json::object grant_json(const World& world, const Grant& grant, WallTime now);
[[nodiscard]] json::object settings_json(const Settings& settings);
[[nodiscard]] json::object entry_json(const LogEntry& entry);
/// What the simulator knows of an access or refresh token: kind, live, newest, uses, expires_in, grant.
[[nodiscard]] json::object token_json(const World& world, const std::string& token, WallTime now);

/// Changes what `body` names.
void change_vehicle(Vehicle& vehicle, const json::object& body);
[[nodiscard]] Result<void> apply_settings(Settings& settings, const json::object& body);

}  // namespace keyfob::sim
