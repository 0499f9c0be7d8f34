#pragma once
// TokenBucket: how fast one application's background refreshes may go. Pure: time is given.

#include <cstddef>

#include "base/time.hpp"

namespace keyfob {

/// `rate` a second, at most a second's worth at once. After slow_down (429) the rate is halved, at most once a second
/// and not below one a second; it grows back to `rate` evenly over kGrowBack.
class TokenBucket {
 public:
  static constexpr Milliseconds kGrowBack = minutes(5);

  explicit TokenBucket(double rate) : full_rate_(rate), rate_(rate), tokens_(rate) {}

  /// Whole tokens that are there now.
  [[nodiscard]] std::size_t available(BootTime now);
  /// Takes what available() showed.
  void take(std::size_t tokens) { tokens_ -= static_cast<double>(tokens); }
  void give_back(std::size_t tokens) { tokens_ += static_cast<double>(tokens); }
  /// Takes one, if need be on credit: up to a second's worth. What is owed is missing for those who use available().
  [[nodiscard]] bool take_on_credit(BootTime now);

  void slow_down(BootTime now);
  /// Tokens a second at present.
  [[nodiscard]] double rate(BootTime now) const;

 private:
  void refill(BootTime now);

  double full_rate_;
  double rate_;  ///< at slowed_at_
  double tokens_;
  BootTime filled_at_ = BootTime::min();
  BootTime slowed_at_ = BootTime::min();
};

}  // namespace keyfob
