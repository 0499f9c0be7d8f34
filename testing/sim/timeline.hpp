#pragma once
// Timeline: true time of a simulated world, and what will happen in it. What happens at the same moment happens in an
// order that the dice decide.

#include <functional>
#include <map>

#include "ports/clock.hpp"
#include "testing/sim/dice.hpp"

namespace keyfob::simulated {

class Timeline {
 public:
  struct Moment {
    BootTime at{};
    std::uint64_t order = 0;
    friend auto operator<=>(const Moment&, const Moment&) = default;
  };

  explicit Timeline(Dice& dice) : dice_(dice) {}

  [[nodiscard]] BootTime now() const { return now_; }
  [[nodiscard]] WallTime wall() const { return WallTime(Milliseconds(1'767'225'600'000) + now_.time_since_epoch()); }

  Moment after(Milliseconds d, std::move_only_function<void()> what);
  void cancel(const Moment& moment) { events_.erase(moment); }
  /// Goes on to the next event and lets it happen. False: nothing will ever happen again.
  bool next();

 private:
  Dice& dice_;
  BootTime now_{Milliseconds(1'000'000)};
  std::map<Moment, std::move_only_function<void()>> events_;
};

/// The clock by which a store judges leases.
class StoreClock final : public Clock {
 public:
  explicit StoreClock(const Timeline& time) : time_(time) {}
  [[nodiscard]] WallTime wall() const override { return time_.wall(); }
  [[nodiscard]] BootTime boot() const override { return time_.now(); }
  Task<void> sleep(Milliseconds) override { co_return; }

 private:
  const Timeline& time_;
};

/// What a node's clocks show: its boot clock began at some other time, its wall clock is off by `skew`.
class NodeClock final : public Clock {
 public:
  /// `ready` is set when a sleeper wakes: the node has something to do.
  NodeClock(Timeline& time, Milliseconds boot_offset, bool& ready)
      : time_(time), boot_offset_(boot_offset), ready_(ready) {}
  [[nodiscard]] WallTime wall() const override { return time_.wall() + skew; }
  [[nodiscard]] BootTime boot() const override { return time_.now() + boot_offset_; }
  Task<void> sleep(Milliseconds d) override;

  Milliseconds skew{0};

 private:
  Timeline& time_;
  Milliseconds boot_offset_;
  bool& ready_;
};

}  // namespace keyfob::simulated
