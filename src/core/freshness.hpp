#pragma once
// decide_serving: what a caller gets for a grant right now, and whether a refresh is started for it. Pure.

#include "core/grant.hpp"

namespace keyfob {

struct ServingPolicy {
  Milliseconds min_validity = seconds(60);
  Milliseconds ahead = minutes(5);
};

enum class Serving : std::uint8_t {
  serve,              ///< hand it out
  serve_and_refresh,  ///< hand it out, refresh in the background
  wait_briefly,       ///< less than min_validity left but not expired: wait shortly, then hand out what there is
  wait,               ///< expired: wait for the refresh
  needs_reauth,
  revoked,
  refused,  ///< suspect, its access token is over, and it is too early to confirm: 503 refresh_refused
};

[[nodiscard]] Serving decide_serving(const Grant& grant, WallTime now, const ServingPolicy& policy);

}  // namespace keyfob
