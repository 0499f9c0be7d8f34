#include "model/owners.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace keyfob::sim {
namespace {

constexpr std::array<Build, 6> kCatalogue{{
    {"TESLA", "Model 3", 2021, Powertrain::bev},
    {"VOLKSWAGEN", "ID.4", 2023, Powertrain::bev},
    {"BMW", "330e", 2022, Powertrain::phev},
    {"FORD", "F-150", 2020, Powertrain::ice},
    {"HYUNDAI", "IONIQ 5", 2024, Powertrain::bev},
    {"AUDI", "e-tron", 2022, Powertrain::bev},
}};

}  // namespace

std::span<const Build> catalogue() { return kCatalogue; }

std::string_view to_string(Powertrain powertrain) {
  switch (powertrain) {
    case Powertrain::bev: return "BEV";
    case Powertrain::phev: return "PHEV";
    case Powertrain::ice: return "ICE";
  }
  return "?";
}

std::optional<std::pair<std::string, std::string>> error_in_email(std::string_view email) {
  constexpr std::string_view kHost = "@smartcar.com";
  if (!email.ends_with(kHost)) return std::nullopt;
  const std::string_view name = email.substr(0, email.size() - kHost.size());
  const auto dot = name.find('.');
  const auto upper = [](char c) { return (c >= 'A' && c <= 'Z') || c == '_' || c == '.'; };
  if (name.empty() || !std::ranges::all_of(name, upper)) return std::nullopt;
  const bool has_code = dot != std::string_view::npos && name.substr(dot + 1) != "NULL";
  return std::pair(std::string(name.substr(0, dot)), has_code ? std::string(name.substr(dot + 1)) : std::string());
}

Owner& Owners::add(std::string email, std::size_t vehicles, WallTime now) {
  if (email.empty()) email = fmt::format("owner{}@example.com", owners_.size() + 1);
  Owner& owner = owners_.emplace_back(Owner{uuids_.next(), std::move(email), {}});
  by_name_[owner.id] = by_name_[owner.email] = owners_.size() - 1;
  for (std::size_t i = 0; i < vehicles; ++i) add_vehicle(owner, {}, now);
  return owner;
}

Vehicle& Owners::add_vehicle(Owner& owner, std::string_view vin, WallTime now) {
  if (const auto known = by_vin_.find(std::string(vin)); !vin.empty() && known != by_vin_.end()) {
    owner.vehicles.push_back(known->second);
    return vehicles_[known->second];
  }
  const Build& build = kCatalogue[vehicles_.size() % kCatalogue.size()];
  Vehicle vehicle{.id = uuids_.next(),
                  .vin = vin.empty() ? fmt::format("5YJ3E1EA{:09}", vehicles_.size() + 1) : std::string(vin),
                  .make = build.make,
                  .model = build.model,
                  .year = build.year,
                  .powertrain = build.powertrain};
  vehicle.odometer = 1000.5 + static_cast<double>(uuids_.number() % 100'000);
  vehicle.data_at = now;
  if (const auto error = error_in_email(owner.email)) std::tie(vehicle.error_type, vehicle.error_code) = *error;
  // Test VINs of vehicles that fail; which error is not documented.
  if (vehicle.vin.starts_with("0SCLR0002")) {
    vehicle.error_type = "SERVER";
    vehicle.error_code = "INTERNAL";
  }
  by_vin_[vehicle.vin] = vehicle.id;
  owner.vehicles.push_back(vehicle.id);
  return vehicles_[vehicle.id] = std::move(vehicle);
}

Owner* Owners::find(std::string_view name) {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &owners_[found->second];
}

Vehicle* Owners::vehicle(std::string_view id) {
  const auto found = vehicles_.find(std::string(id));
  return found == vehicles_.end() ? nullptr : &found->second;
}

Vehicle* Owners::vehicle_of(const Owner& owner, std::string_view id_or_vin) {
  for (const std::string& id : owner.vehicles) {
    Vehicle& one = vehicles_[id];
    if (one.id == id_or_vin || one.vin == id_or_vin) return &one;
  }
  return nullptr;
}

}  // namespace keyfob::sim
