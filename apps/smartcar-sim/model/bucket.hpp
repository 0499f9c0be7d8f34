#pragma once
// The application's rate limit: a bucket of requests that refills slowly. Pure. Not thread-safe.

#include <algorithm>

#include "base/time.hpp"

namespace keyfob::sim {

class Bucket {
 public:
  /// `capacity` 0: no limit.
  Bucket(double capacity, double refill_per_minute)
      : capacity_(capacity), refill_(refill_per_minute), level_(capacity) {}

  /// Whether one more request fits.
  [[nodiscard]] bool take(WallTime now) {
    if (capacity_ <= 0) return true;
    const double passed_minutes = static_cast<double>(std::max(now - last_, Milliseconds(0)).count()) / 60'000;
    if (last_ != WallTime()) level_ = std::min(capacity_, level_ + passed_minutes * refill_);
    last_ = now;
    if (level_ < 1) return false;
    level_ -= 1;
    return true;
  }

 private:
  double capacity_;
  double refill_;
  double level_;
  WallTime last_{};
};

}  // namespace keyfob::sim
