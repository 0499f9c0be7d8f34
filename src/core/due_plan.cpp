#include "core/due_plan.hpp"

#include <algorithm>

namespace keyfob {
namespace {

constexpr Milliseconds kSoon = seconds(1);

Milliseconds part(Milliseconds whole, std::uint32_t die) {
  return Milliseconds(whole.count() * static_cast<std::int64_t>(die % 65536) / 65536);
}

WallTime fresh_at(const PairLife& pair, const DuePolicy& policy, WallTime now, std::uint32_t die) {
  const Milliseconds left = pair.access_expires_at - now;
  const Milliseconds ahead = std::min(policy.ahead, left / 2);
  const Milliseconds spread = std::min(pair.imported ? left / 2 : left / 10, left - ahead);
  return std::max(now + kSoon, pair.access_expires_at - ahead - part(spread, die));
}

}  // namespace

DuePlan plan_due(const PairLife& pair, const DuePolicy& policy, WallTime now, std::uint32_t die) {
  const Milliseconds left = std::max(Milliseconds(0), pair.refresh_expires_at - now);
  const Milliseconds life = std::max(left, pair.refresh_ttl);
  DuePlan plan;
  plan.renew_by = std::max(now, pair.refresh_expires_at - std::min(policy.keep_alive, life / 2));
  plan.due_at = std::max(now, plan.renew_by - part(life / 10, die));
  const bool fresh = pair.access_expires_at > now;
  if (policy.always_fresh) plan.due_at = std::min(plan.due_at, fresh ? fresh_at(pair, policy, now, die >> 16U) : now);
  return plan;
}

WallTime latest_due(const PairLife& pair, const DuePolicy& policy, WallTime renew_by) {
  return policy.always_fresh ? std::min(renew_by, pair.access_expires_at) : renew_by;
}

}  // namespace keyfob
