#pragma once
// FakeClock: virtual time. Nothing moves until a test says so; sleepers wake in the order of their deadlines.

#include <boost/asio/steady_timer.hpp>
#include <map>

#include "ports/clock.hpp"

namespace keyfob::testing {

/// One thread; sleepers may be on several io_contexts, and vanish with theirs.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return wall_; }
  [[nodiscard]] BootTime boot() const override { return boot_; }
  Task<void> sleep(Milliseconds d) override;

  /// Moves both clocks and wakes who is due. Run the io_context afterwards.
  void advance(Milliseconds d);
  /// An operator sets the wall clock; boot time does not notice.
  void step_wall(Milliseconds d) { wall_ += d; }
  /// When the next sleeper is due; empty when nobody sleeps.
  [[nodiscard]] std::optional<BootTime> next_wake() const;

 private:
  WallTime wall_{Milliseconds(1'767'225'600'000)};  // 2026-01-01T00:00:00Z
  BootTime boot_{Milliseconds(1'000'000)};
  std::multimap<BootTime, asio::steady_timer*> sleepers_;
};

}  // namespace keyfob::testing
