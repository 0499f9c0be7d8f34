#pragma once
// VehicleMeter: how often each vehicle was asked, for the throttle of its manufacturer and the monthly quota of the
// plan. Pure. Not thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/time.hpp"
#include "model/api_errors.hpp"
#include "model/settings.hpp"

namespace keyfob::sim {

class VehicleMeter {
 public:
  /// Counts one call; the error that refuses it (429 with `retry-after`, or 430), if any. What is refused is not
  /// counted.
  [[nodiscard]] std::optional<ApiError> count(const std::string& vehicle, const Settings& settings, WallTime now) {
    Use& use = uses_[vehicle];
    roll(use.window_start, use.in_window, settings.vehicle_window, now);
    roll(use.month_start, use.in_month, days(30), now);
    if (settings.vehicle_quota > 0 && use.in_month >= settings.vehicle_quota) {
      return api_error("BILLING", "VEHICLE_REQUEST_LIMIT");
    }
    if (settings.vehicle_limit > 0 && use.in_window >= settings.vehicle_limit) {
      ApiError error = api_error("RATE_LIMIT", "VEHICLE");
      const auto left = use.window_start + settings.vehicle_window - now;
      error.retry_after = static_cast<int>(std::chrono::ceil<seconds>(left).count());
      return error;
    }
    ++use.in_window;
    ++use.in_month;
    return std::nullopt;
  }

 private:
  struct Use {
    WallTime window_start{};
    std::int64_t in_window = 0;
    WallTime month_start{};
    std::int64_t in_month = 0;
  };
  static void roll(WallTime& start, std::int64_t& count, Milliseconds length, WallTime now) {
    if (now - start < length) return;
    start = now;
    count = 0;
  }
  std::unordered_map<std::string, Use> uses_;
};

}  // namespace keyfob::sim
