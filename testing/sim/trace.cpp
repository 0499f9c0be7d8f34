#include "testing/sim/trace.hpp"

#include <fmt/format.h>

namespace keyfob::simulated {

void Trace::say(int node, const std::string& what) {
  if (!on_) return;
  const auto ms = time_.now().time_since_epoch().count() - 1'000'000;
  const std::string who = node < 0 ? "world " : fmt::format("node-{}", node + 1);
  lines_.push_back(fmt::format("{:>8}.{:03} s  {}  {}", ms / 1000, ms % 1000, who, what));
}

}  // namespace keyfob::simulated
