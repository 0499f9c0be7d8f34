#include "core/in_flight_limit.hpp"

#include <algorithm>

namespace keyfob {

unsigned in_flight_limit(unsigned wanted, unsigned recovering, const RefreshTiming& timing,
                         Milliseconds recovery_interval) {
  if (timing.reuse_window <= Milliseconds(0)) return wanted;
  const Milliseconds left = timing.reuse_window - timing.lease - recovery_interval;
  const auto rounds = static_cast<unsigned>(std::clamp<std::int64_t>(left / timing.timeout, 1, 1000));
  return std::clamp(recovering * rounds / kNodesLostAtOnce, 1U, std::max(1U, wanted));
}

}  // namespace keyfob
