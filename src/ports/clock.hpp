#pragma once
// Clock and Random: the only ways by which the engine learns what time it is and gets entropy.

#include <cstdint>
#include <span>

#include "base/time.hpp"
#include "ports/async.hpp"

namespace keyfob {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Any thread, does not block.
  [[nodiscard]] virtual WallTime wall() const = 0;
  [[nodiscard]] virtual BootTime boot() const = 0;
  /// Resumes after `d` of boot time, or at once when cancelled (terminal cancellation); never throws.
  virtual Task<void> sleep(Milliseconds d) = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  /// Cryptographically strong in production. Any thread. Ends the process when there is no entropy.
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

}  // namespace keyfob
