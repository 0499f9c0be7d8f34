#include "web/sim.hpp"

namespace keyfob::sim {

std::span<const Route> v3_routes() { return {}; }

}  // namespace keyfob::sim
