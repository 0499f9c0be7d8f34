#include "core/backoff.hpp"

#include <algorithm>

namespace keyfob {

Milliseconds full_jitter(const Backoff& backoff, unsigned failures, std::uint32_t die) {
  const unsigned doublings = std::min(failures == 0 ? 0U : failures - 1, 30U);
  const Milliseconds bound = std::min(backoff.longest, backoff.first * (std::int64_t{1} << doublings));
  const Milliseconds range = std::max(Milliseconds(0), bound - backoff.shortest);
  return backoff.shortest + Milliseconds(range.count() * static_cast<std::int64_t>(die % 65536) / 65536);
}

Milliseconds RetryTable::failed(const GrantId& grant, BootTime now, std::uint32_t die) {
  if (entries_.size() >= most_ && !entries_.contains(grant)) entries_.clear();
  Entry& entry = entries_[grant];
  const Milliseconds wait = full_jitter(backoff_, ++entry.failures, die);
  entry.next = now + wait;
  return wait;
}

bool RetryTable::may_try(const GrantId& grant, BootTime now) const {
  const auto it = entries_.find(grant);
  return it == entries_.end() || now >= it->second.next;
}

}  // namespace keyfob
