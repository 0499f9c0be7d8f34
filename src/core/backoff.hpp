#pragma once
// Backoff: how long to wait after the n-th failure in a row, with jitter; and a memory of who failed how often. Pure.

#include <cstdint>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace keyfob {

struct Backoff {
  Milliseconds first = seconds(10);    ///< the bound after the first failure; doubles with each further one
  Milliseconds longest = hours(1);     ///< the largest bound
  Milliseconds shortest = seconds(1);  ///< nobody comes back sooner
};

/// Full jitter: anywhere between `shortest` and the bound, so that those who failed together do not come back together.
[[nodiscard]] Milliseconds full_jitter(const Backoff& backoff, unsigned failures, std::uint32_t die);

/// Which grants failed lately and when each may be tried again. In memory only: after a restart everybody starts anew,
/// and the application's token bucket keeps them apart.
class RetryTable {
 public:
  explicit RetryTable(Backoff backoff = {}, std::size_t most = 100'000) : backoff_(backoff), most_(most) {}

  /// One more failure; answers how long to wait.
  Milliseconds failed(const GrantId& grant, BootTime now, std::uint32_t die);
  void succeeded(const GrantId& grant) { entries_.erase(grant); }
  [[nodiscard]] bool may_try(const GrantId& grant, BootTime now) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    unsigned failures = 0;
    BootTime next{};
  };
  Backoff backoff_;
  std::size_t most_;
  std::unordered_map<GrantId, Entry> entries_;
};

}  // namespace keyfob
