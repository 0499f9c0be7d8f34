#include "core/freshness.hpp"

#include <algorithm>

#include "core/refusal.hpp"

namespace keyfob {

Serving decide_serving(const Grant& grant, WallTime now, const ServingPolicy& policy) {
  const Milliseconds left = grant.access_expires_at - now;
  switch (grant.status) {
    case GrantStatus::needs_reauth: return Serving::needs_reauth;
    case GrantStatus::revoking:
    case GrantStatus::revoked: return Serving::revoked;
    case GrantStatus::suspect:
      if (left > Milliseconds(0)) return Serving::serve;
      return now - grant.refusals.last_at < kConfirmAfter ? Serving::refused : Serving::wait;
    case GrantStatus::active: break;
  }
  if (left > policy.ahead) return Serving::serve;
  if (left > policy.min_validity) return Serving::serve_and_refresh;
  return left > Milliseconds(0) ? Serving::wait_briefly : Serving::wait;
}

WallTime keep_alive_due(WallTime now, WallTime refresh_expires_at, Milliseconds keep_alive, std::uint32_t die) {
  const Milliseconds life = std::max(Milliseconds(0), refresh_expires_at - now);
  const Milliseconds ahead = std::min(keep_alive, life / 2);
  const Milliseconds spread = life / 10;
  const auto jitter = Milliseconds(spread.count() * static_cast<std::int64_t>(die % 1024) / 1024);
  return std::max(now, refresh_expires_at - ahead - jitter);
}

}  // namespace keyfob
