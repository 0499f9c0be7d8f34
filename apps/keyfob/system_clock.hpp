#pragma once
// SystemClock and SystemRandom: the adapters of the ports Clock and Random to this machine. Any thread.

#include "crypto/random.hpp"
#include "ports/clock.hpp"

namespace keyfob::node {

/// boot() is CLOCK_BOOTTIME (clock_gettime(2)): it goes on while the machine is suspended.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override;
  [[nodiscard]] BootTime boot() const override;
  /// Timers of the kernel stand still during a suspend, so a long sleep looks at boot() again every few seconds: after
  /// a suspend it ends at most 5 s late.
  Task<void> sleep(Milliseconds d) override;
};

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override { stock_.fill(out); }

 private:
  crypto::RandomStock stock_;
};

}  // namespace keyfob::node
