#pragma once
// ManualClock: time that moves when a test says so. Any thread.

#include <atomic>

#include "ports/clock.hpp"

namespace keyfob::contract {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return from_unix_ms(wall_ms_); }
  [[nodiscard]] BootTime boot() const override { return BootTime(Milliseconds(boot_ms_)); }
  Task<void> sleep(Milliseconds d) override {
    advance(d);
    co_return;
  }
  void advance(Milliseconds d) {
    boot_ms_ += d.count();
    wall_ms_ += d.count();
  }
  void step_wall(Milliseconds d) { wall_ms_ += d.count(); }

 private:
  std::atomic<std::int64_t> boot_ms_ = 1'000'000;
  std::atomic<std::int64_t> wall_ms_ = 1'700'000'000'000;
};

}  // namespace keyfob::contract
