#pragma once
// in_flight_limit: how many exchanges of one application a node may have on the wire, so that recovery can drain them
// within the reuse window when all of them are lost at once. Pure.

#include "core/refresh_machine.hpp"

namespace keyfob {

/// Nodes whose exchanges one survivor must be able to recover.
inline constexpr unsigned kNodesLostAtOnce = 4;

/// A survivor may begin when the lease is over and it has looked, and its `recovering` places are each taken for at
/// most `timeout`: that makes (W - L - interval) / T rounds. Not above `wanted`, not below 1; a strict provider (W = 0)
/// has nothing to drain, so `wanted` holds.
[[nodiscard]] unsigned in_flight_limit(unsigned wanted, unsigned recovering, const RefreshTiming& timing,
                                       Milliseconds recovery_interval);

}  // namespace keyfob
