#pragma once
// StoreClock: the clock by which this store judges leases: (boot id, CLOCK_BOOTTIME in milliseconds). A stepped wall
// clock holds nothing up; another boot id means that every lease has ended. Any thread.

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "ports/clock.hpp"

namespace keyfob::sqlite {

struct StoreTime {
  const std::string& boot_id;  ///< of the StoreClock
  std::int64_t boot_ms = 0;
  std::int64_t wall_ms = 0;
};

class StoreClock {
 public:
  /// `clock` null: the system's own. `boot_id` empty: /proc/sys/kernel/random/boot_id.
  static Result<StoreClock> make(const Clock* clock, std::string boot_id);
  [[nodiscard]] StoreTime now() const;

 private:
  StoreClock(const Clock* clock, std::string boot_id) : clock_(clock), boot_id_(std::move(boot_id)) {}
  const Clock* clock_;
  std::string boot_id_;
};

}  // namespace keyfob::sqlite
