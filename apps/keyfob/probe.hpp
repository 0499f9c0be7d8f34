#pragma once
// probe: every grant is refreshed once, to find out which refresh tokens of a restored store still work.

#include <cstdint>

#include "apps/keyfob/context.hpp"
#include "base/result.hpp"

namespace keyfob::cli {

struct ProbeReport {
  std::uint64_t probed = 0;
  std::uint64_t refreshed = 0;
  std::uint64_t refused = 0;     ///< by the provider: confirmed within a minute, then `needs_reauth`
  std::uint64_t unanswered = 0;  ///< provider or store could not say: probe again
};

/// Grants that are active or suspect, one after the other; a bar on a terminal.
[[nodiscard]] Result<ProbeReport> probe_grants(Context& context);

}  // namespace keyfob::cli
