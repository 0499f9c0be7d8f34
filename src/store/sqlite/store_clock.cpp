#include "store/sqlite/store_clock.hpp"

#include <time.h>

#include <fstream>

namespace keyfob::sqlite {
namespace {

std::int64_t milliseconds_of(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

}  // namespace

Result<StoreClock> StoreClock::make(const Clock* clock, std::string boot_id) {
  if (boot_id.empty()) std::getline(std::ifstream("/proc/sys/kernel/random/boot_id") >> std::ws, boot_id);
  if (boot_id.empty()) {
    return fail(ErrorCode::unavailable, "the boot id of this machine cannot be read",
                "mount /proc: leases need /proc/sys/kernel/random/boot_id");
  }
  return StoreClock(clock, std::move(boot_id));
}

StoreTime StoreClock::now() const {
  if (clock_ != nullptr) {
    return {boot_id_, clock_->boot().time_since_epoch().count(), to_unix_ms(clock_->wall())};
  }
  return {boot_id_, milliseconds_of(CLOCK_BOOTTIME), milliseconds_of(CLOCK_REALTIME)};
}

}  // namespace keyfob::sqlite
