#pragma once
// Mutant: the engine with one rule of the protocol switched off, by a broken port or a wrong configuration, never by a
// hook in the product. A simulation that does not notice proves nothing.

#include <functional>
#include <string>
#include <vector>

#include "testing/sim/node.hpp"

namespace keyfob::simulated {

struct Mutant {
  std::string name;  ///< the rule that it breaks
  /// Puts broken ports in front of the sound ones of one node, each time it starts.
  std::function<void(Stage&, NodePorts&, int node)> wrap;
  /// Or configures the engine wrongly.
  std::function<void(engine::EngineConfig&)> configure{};
};

/// One for each rule.
[[nodiscard]] const std::vector<Mutant>& mutants();

}  // namespace keyfob::simulated
