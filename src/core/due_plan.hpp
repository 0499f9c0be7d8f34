#pragma once
// plan_due: when the background looks at a freshly stored pair, and by when the pair has to be replaced. Pure.

#include <cstdint>

#include "base/time.hpp"

namespace keyfob {

/// [refresh] mode, keep_alive and ahead of the configuration.
struct DuePolicy {
  bool always_fresh = false;
  Milliseconds keep_alive = days(7);
  Milliseconds ahead = minutes(5);
};

/// A pair as it is stored, seen from `now`.
struct PairLife {
  WallTime access_expires_at{};
  WallTime refresh_expires_at{};
  /// How long a refresh token of this provider lives from its issue: an imported one may be near its end already. Zero:
  /// it was issued now.
  Milliseconds refresh_ttl{};
  bool imported = false;  ///< many came at once and none of them was refreshed by us: spread further
};

struct DuePlan {
  WallTime due_at{};
  WallTime renew_by{};  ///< `keep_alive` before the refresh token ends, at most half its life; never before now
};

/// on_demand: due before renew_by, spread by `die` over up to a tenth of the refresh token's life, so that a million
/// grants imported at once come back over days. always_fresh: besides, `ahead` before the access token ends (at most
/// half its life), spread over a tenth of its life, an imported one over half of it. A pair without a usable access
/// token is due at once.
[[nodiscard]] DuePlan plan_due(const PairLife& pair, const DuePolicy& policy, WallTime now, std::uint32_t die);

/// The latest due_at that plan_due can give: a grant beyond it was planned by other rules.
[[nodiscard]] WallTime latest_due(const PairLife& pair, const DuePolicy& policy, WallTime renew_by);

}  // namespace keyfob
