#pragma once
// Stage: everything of a simulated world that is not a node: time, chance, weather, the provider, the shared store, who
// watches, and the record of what happened.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "testing/sim/oracle.hpp"
#include "testing/sim/plan.hpp"
#include "testing/sim/shared_store.hpp"
#include "testing/sim/trace.hpp"

namespace keyfob::simulated {

/// Moments of a refresh at which faults are worth most.
enum class Milestone : std::uint8_t {
  begun,
  sent,
  rotated,
  answered,
  committing,
  committed,
  spooling,
  spooled,
  refused
};

struct Stage {
  explicit Stage(const Plan& p, bool tracing)
      : plan(p),
        dice(p.seed),
        time(dice),
        trace(time, tracing),
        weather(time, p.nodes),
        provider(p.provider),
        store(time),
        oracle({plan, time, weather, provider, store, trace}) {}

  Plan plan;
  Dice dice;
  Timeline time;
  Trace trace;
  Weather weather;
  ProviderModel provider;
  SharedStore store;
  Oracle oracle;
  std::function<void(int node, Milestone)> milestone = [](int, Milestone) {};
  /// A caller of this node hung up; only a mutant cares.
  std::map<int, std::function<void(int user)>> on_hang_up{};
  /// What the broken ports of all nodes know together.
  std::shared_ptr<void> shared_by_mutants{};
};

}  // namespace keyfob::simulated
