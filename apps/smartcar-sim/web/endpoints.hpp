#pragma once
// The v2.0 vehicle endpoints as a table: path, permission, and what the vehicle says. Pure functions of the vehicle.

#include <expected>
#include <span>
#include <string_view>

#include "model/api_errors.hpp"
#include "model/owners.hpp"
#include "web/json.hpp"

namespace keyfob::sim {

enum class Needs : std::uint8_t { nothing, battery, fuel };

struct Reading {
  std::string_view path;  ///< below /v2.0/vehicles/{id}
  std::string_view permission;
  Needs needs;
  json::value (*read)(const Vehicle&, bool imperial);
};

using CommandAnswer = std::expected<void, ApiError>;

struct Command {
  std::string_view path;
  std::string_view permission;
  Needs needs;
  CommandAnswer (*carry_out)(Vehicle&, const json::object& body);
};

[[nodiscard]] const Reading* find_reading(std::string_view path);
/// Readings below /{make}, as far as they are known.
[[nodiscard]] const Reading* find_make_reading(std::string_view path);
[[nodiscard]] const Command* find_command(std::string_view path);
[[nodiscard]] std::span<const Reading> readings();
[[nodiscard]] std::span<const Command> commands();
[[nodiscard]] bool capable(const Vehicle& vehicle, Needs needs);

}  // namespace keyfob::sim
