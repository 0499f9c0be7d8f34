#include "core/token_bucket.hpp"

#include <algorithm>

namespace keyfob {
namespace {

double in_seconds(Milliseconds d) { return static_cast<double>(d.count()) / 1000.0; }

}  // namespace

double TokenBucket::rate(BootTime now) const {
  if (slowed_at_ == BootTime::min()) return full_rate_;
  const double grown = full_rate_ * in_seconds(now - slowed_at_) / in_seconds(kGrowBack);
  return std::min(full_rate_, rate_ + grown);
}

void TokenBucket::refill(BootTime now) {
  if (filled_at_ != BootTime::min()) tokens_ += rate(now) * in_seconds(now - filled_at_);
  tokens_ = std::min(tokens_, std::max(1.0, rate(now)));
  filled_at_ = now;
}

std::size_t TokenBucket::available(BootTime now) {
  refill(now);
  return tokens_ < 1.0 ? 0 : static_cast<std::size_t>(tokens_);
}

bool TokenBucket::take_on_credit(BootTime now) {
  refill(now);
  if (tokens_ - 1.0 < -rate(now)) return false;
  tokens_ -= 1.0;
  return true;
}

void TokenBucket::slow_down(BootTime now) {
  if (slowed_at_ != BootTime::min() && now - slowed_at_ < seconds(1)) return;
  refill(now);
  rate_ = std::max(std::min(1.0, full_rate_), rate(now) / 2);
  slowed_at_ = now;
  tokens_ = std::min(tokens_, rate_);
}

}  // namespace keyfob
