#pragma once
// Planned misbehaviour: which requests go wrong, how, and how often. Pure. Not thread-safe.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace keyfob::sim {

enum class FaultKind : std::uint8_t {
  drop,           ///< no answer, connection closed
  reset,          ///< no answer, TCP RST
  delay,          ///< the answer waits for `delay`
  hold,           ///< the answer waits for POST /_sim/release
  status,         ///< `status` with an error body
  html200,        ///< a proxy's HTML page with status 200
  cut_json,       ///< the JSON ends in the middle; HTTP is intact
  cut_body,       ///< the connection closes before the promised length
  missing_field,  ///< one field of the JSON is left out
  duplicate,      ///< the request arrives twice; the second answer is delivered
};

/// Where a request goes; `any` in a fault means everywhere but /_sim.
enum class Place : std::uint8_t { any, token, app_token, api, management, connect };

struct Fault {
  std::uint64_t id = 0;
  std::string name;  ///< as the test called it
  Place where = Place::token;
  FaultKind kind = FaultKind::drop;
  bool after = false;  ///< the request takes effect (rotates) before the fault strikes
  int status = 503;
  std::string error_type{};  ///< v2 error of status faults at the API; `error` of the token endpoint
  std::string error_code{};
  std::string description{};
  std::optional<int> retry_after{};  ///< seconds
  std::string field{};
  Milliseconds delay{0};
  std::string vehicle{};  ///< only requests for this vehicle; empty: all
  std::string user{};     ///< only requests for this owner's grants
  std::uint64_t skip = 0;
  std::optional<std::uint64_t> times = 1;  ///< nothing: until cleared
  std::uint64_t struck = 0;
};

/// What is known about a request when faults are chosen.
struct FaultTarget {
  Place where = Place::api;
  std::string_view vehicle{};
  std::string_view user{};
};

class FaultPlan {
 public:
  std::uint64_t add(Fault fault);
  /// The first fault that matches strikes; its `skip` and `times` count down.
  [[nodiscard]] std::optional<Fault> strike(const FaultTarget& target);
  void clear() { faults_.clear(); }
  [[nodiscard]] const std::deque<Fault>& planned() const { return faults_; }
  [[nodiscard]] std::uint64_t struck() const { return struck_; }

 private:
  std::deque<Fault> faults_;
  std::uint64_t last_id_ = 0;
  std::uint64_t struck_ = 0;
};

/// A fault of that name with its usual values: drop_before, drop_after_rotation, reset_before, reset_after_rotation,
/// delay (rotates, then waits), delay_before, hold (rotates, then waits for a release), hold_before, status,
/// status_after_rotation, retry_after, html200, html200_after_rotation, cut_json, cut_body, missing_refresh_token,
/// missing_access_token, missing_expires_in, duplicate.
[[nodiscard]] Result<Fault> fault_named(std::string_view name);
[[nodiscard]] Result<Place> parse_place(std::string_view text);
[[nodiscard]] std::string_view to_string(Place place);

}  // namespace keyfob::sim
