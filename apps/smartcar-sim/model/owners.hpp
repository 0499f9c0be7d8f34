#pragma once
// Owners and their vehicles, and the state a vehicle shows and commands change. No tokens here. Not thread-safe.

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "model/uuids.hpp"

namespace keyfob::sim {

enum class Powertrain : std::uint8_t { bev, phev, ice };
[[nodiscard]] std::string_view to_string(Powertrain powertrain);

/// A kind of car that the simulator makes.
struct Build {
  const char* make;
  const char* model;
  int year;
  Powertrain powertrain;
};
[[nodiscard]] std::span<const Build> catalogue();

/// Metric, as the API answers by default: km, kPa, litres, kWh; shares are 0 to 1.
struct Vehicle {
  std::string id;
  std::string vin;
  std::string make;
  std::string model;
  int year = 2021;
  Powertrain powertrain = Powertrain::bev;

  double odometer = 0;
  double battery = 0.7;
  double charge_limit = 0.8;
  double fuel = 0.6;
  double oil_life = 0.35;
  double latitude = 52.1;
  double longitude = 5.2;
  bool locked = true;
  bool plugged_in = true;
  bool charging = true;
  WallTime data_at{};  ///< when the manufacturer got the data

  std::string error_type{};  ///< every call is answered with this v2 error (section 10); empty: none
  std::string error_code{};
};

struct Owner {
  std::string id;     ///< the Smartcar user id
  std::string email;  ///< what was typed at Connect; "TYPE.CODE@smartcar.com" makes vehicles that fail so
  std::vector<std::string> vehicles;
};

class Owners {
 public:
  explicit Owners(std::uint64_t seed) : uuids_(seed) {}

  /// An owner with `vehicles` cars out of the catalogue. An empty `email` gets owner<N>@example.com.
  Owner& add(std::string email, std::size_t vehicles, WallTime now);
  /// One more car: of the catalogue, or of that VIN. Cars with the same VIN are one vehicle, shared by their owners.
  Vehicle& add_vehicle(Owner& owner, std::string_view vin, WallTime now);

  /// By id or e-mail.
  [[nodiscard]] Owner* find(std::string_view name);
  [[nodiscard]] Vehicle* vehicle(std::string_view id);
  [[nodiscard]] Vehicle* vehicle_of(const Owner& owner, std::string_view id_or_vin);
  [[nodiscard]] std::deque<Owner>& all() { return owners_; }
  [[nodiscard]] const std::deque<Owner>& all() const { return owners_; }
  [[nodiscard]] std::size_t vehicle_count() const { return vehicles_.size(); }

 private:
  Uuids uuids_;
  std::deque<Owner> owners_;
  std::unordered_map<std::string, std::size_t> by_name_;  // id and e-mail
  std::unordered_map<std::string, Vehicle> vehicles_;
  std::unordered_map<std::string, std::string> by_vin_;
};

/// {"VEHICLE_STATE", "ASLEEP"} of "VEHICLE_STATE.ASLEEP@smartcar.com".
[[nodiscard]] std::optional<std::pair<std::string, std::string>> error_in_email(std::string_view email);

}  // namespace keyfob::sim
