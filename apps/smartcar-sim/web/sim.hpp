#pragma once
// What a route of the simulator works with: the model, the clock, the log, and one call.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "http/message.hpp"
#include "model/bucket.hpp"
#include "model/meter.hpp"
#include "model/world.hpp"
#include "web/request_log.hpp"

namespace keyfob::sim {

/// Real time with an offset that `advance` moves, or time that only `advance` moves.
class SimClock {
 public:
  SimClock(bool manual, WallTime start) : manual_(manual), start_(start) {}
  [[nodiscard]] WallTime now() const;
  void advance(Milliseconds by) { shift_ += by; }
  [[nodiscard]] bool manual() const { return manual_; }

 private:
  bool manual_;
  WallTime start_;
  Milliseconds shift_{0};
};

struct SimOptions {
  Settings settings{};
  std::uint64_t seed = 1;
  bool manual_clock = false;
  std::size_t vehicles = 2;  ///< of the first owner
  std::vector<Client> clients{};
  double rate_limit = 0;         ///< requests that the application's bucket holds; 0: no limit
  double refill_per_minute = 2;  ///< of that bucket
};

/// The state of one simulator. Everything runs on one thread.
struct Sim {
  explicit Sim(SimOptions options_in);

  SimOptions options;
  SimClock clock;
  std::unique_ptr<World> world;
  RequestLog log;
  Bucket bucket;
  VehicleMeter meter;
  Uuids request_ids;
  std::uint64_t releases = 0;       ///< each wakes the answers held before it
  std::size_t held = 0;             ///< answers waiting for a release
  std::uint64_t life = 0;           ///< counts resets
  std::function<void()> changed{};  ///< there may be something to deliver, or time has moved

  void reset();
};

/// One request on its way through a route.
struct Call {
  Sim& sim;
  const http::Request& request;
  WallTime now;
  LogEntry& entry;
  std::map<std::string, std::string, std::less<>> captures{};
  std::string query{};  ///< of the request, or hidden in its path (%3F)

  [[nodiscard]] World& world() const { return *sim.world; }
  [[nodiscard]] const std::string& captured(std::string_view name) const { return captures.find(name)->second; }
  /// A query parameter, decoded; empty when absent.
  [[nodiscard]] std::string parameter(std::string_view name) const;
};

/// One line of a route table. `{name}` in the pattern captures a segment.
struct Route {
  std::string_view method;
  std::string_view pattern;
  std::optional<Place> place;  ///< where faults find it; nothing: never (the control routes)
  http::Response (*act)(Call&);
};

[[nodiscard]] std::span<const Route> token_routes();
[[nodiscard]] std::span<const Route> connect_routes();
[[nodiscard]] std::span<const Route> account_routes();
[[nodiscard]] std::span<const Route> vehicle_routes();
[[nodiscard]] std::span<const Route> management_routes();
[[nodiscard]] std::span<const Route> v3_routes();
[[nodiscard]] std::span<const Route> v3_management_routes();
[[nodiscard]] std::span<const Route> v3_schedule_routes();
[[nodiscard]] std::span<const Route> hook_routes();
[[nodiscard]] std::span<const Route> steering_routes();
[[nodiscard]] std::span<const Route> report_routes();

}  // namespace keyfob::sim
