#pragma once
// Plan: what a seed makes of a run: how many nodes and grants, which kind of provider, which configuration, which
// troubles and how often.

#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "testing/sim/provider_model.hpp"
#include "testing/sim/weather.hpp"

namespace keyfob::simulated {

/// What a run is mostly about; most are about everything.
enum class Theme : std::uint8_t {
  everything,
  crashes,        ///< nodes die at every point of a refresh
  store_trouble,  ///< failed commits, lost acknowledgements, small spools
  provider_trouble,
  bad_deployment,  ///< a provider that refuses good tokens for minutes
  failover,        ///< an asynchronous failover loses acknowledged commits; spool = "always"
  count
};
[[nodiscard]] std::string_view name_of(Theme theme);

struct Plan {
  std::uint64_t seed = 0;
  Theme theme = Theme::everything;
  int nodes = 1;
  int grants = 8;
  ProviderRules provider{};
  bool late_reuse = false;
  engine::EngineConfig config{};
  std::uint32_t spool_slots = 64;
  Milliseconds max_skew{0};         ///< of a node's wall clock
  Milliseconds between_calls{250};  ///< of callers, on average
  Milliseconds between_faults{4000};
  Milliseconds longest_fault{8000};
  double long_death = 0.03;                         ///< how likely a node with a spooled pair dies beyond the window
  double ambush = 0.02;                             ///< how likely a node is struck a few steps after a milestone
  std::vector<std::pair<Trouble, int>> troubles{};  ///< with their weights
  int refreshes = 100;
  int faults = 20;

  /// How long one node must be well without a break within the reuse window for the promise to hold.
  [[nodiscard]] Milliseconds needed() const;
  /// The protocol promises that no grant is lost with such a provider.
  [[nodiscard]] bool promised() const { return provider.rotation != Rotation::strict; }
};

[[nodiscard]] Plan plan_for(std::uint64_t seed);
[[nodiscard]] std::string to_text(const Plan& plan);

}  // namespace keyfob::simulated
