#include "core/freshness.hpp"

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

}  // namespace keyfob
