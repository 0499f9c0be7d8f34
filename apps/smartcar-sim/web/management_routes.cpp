#include "web/sim.hpp"

namespace keyfob::sim {

std::span<const Route> management_routes() { return {}; }

}  // namespace keyfob::sim
