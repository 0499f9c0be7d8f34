#include "core/circuit_breaker.hpp"

#include <algorithm>
#include <functional>

#include "core/backoff.hpp"

namespace keyfob {
namespace {

constexpr Backoff kTrials{seconds(2), seconds(10), seconds(1)};

}  // namespace

void CircuitBreaker::failed(BootTime now, std::string_view grant, std::uint32_t die) {
  if (open_) return;
  const std::uint64_t hash = std::hash<std::string_view>{}(grant);
  const auto end = failed_.begin() + static_cast<std::ptrdiff_t>(failures_);
  if (std::find(failed_.begin(), end, hash) != end) return;
  failed_[failures_++] = hash;
  if (failures_ < kOpenAfter) return;
  open_ = true;
  trials_ = 0;
  next_trial_ = now + pause(die);
}

void CircuitBreaker::answered() {
  failures_ = 0;
  open_ = false;
}

void CircuitBreaker::trial_begins(BootTime now, std::uint32_t die) {
  ++trials_;
  next_trial_ = now + pause(die);
}

Milliseconds CircuitBreaker::wait(BootTime now) const {
  return open_ ? std::max(Milliseconds(0), next_trial_ - now) : Milliseconds(0);
}

Milliseconds CircuitBreaker::pause(std::uint32_t die) const { return full_jitter(kTrials, trials_ + 1, die); }

}  // namespace keyfob
