#include "testing/sim/plan.hpp"

namespace keyfob::simulated {
namespace {

using Troubles = std::vector<std::pair<Trouble, int>>;

Troubles troubles_for(Theme theme) {
  Troubles all = {{Trouble::provider_errors, 3},
                  {Trouble::provider_throttles, 2},
                  {Trouble::provider_garbage, 2},
                  {Trouble::provider_half_answers, 2},
                  {Trouble::provider_slow, 2},
                  {Trouble::provider_loses_answers, 3},
                  {Trouble::provider_loses_requests, 2},
                  {Trouble::provider_unsound, 1},
                  {Trouble::provider_wrong_client, 2},
                  {Trouble::provider_refuses, 1},
                  {Trouble::store_down, 2},
                  {Trouble::store_fails_over, 2},
                  {Trouble::commits_fail, 3},
                  {Trouble::acks_lost, 3},
                  {Trouble::feed_lost, 2},
                  {Trouble::cut_provider, 3},
                  {Trouble::cut_store, 4},
                  {Trouble::pause, 4},
                  {Trouble::down, 5}};
  const auto more = [&](std::initializer_list<Trouble> which) {
    for (const Trouble trouble : which) all.emplace_back(trouble, 8);
  };
  switch (theme) {
    case Theme::crashes: more({Trouble::down, Trouble::pause, Trouble::provider_loses_answers}); break;
    case Theme::store_trouble:
      more({Trouble::cut_store, Trouble::commits_fail, Trouble::acks_lost, Trouble::down});
      break;
    case Theme::provider_trouble:
      more({Trouble::provider_slow, Trouble::provider_errors, Trouble::provider_half_answers, Trouble::provider_garbage,
            Trouble::provider_loses_answers});
      break;
    case Theme::failover:
      more({Trouble::replica_lags, Trouble::replica_lags, Trouble::down, Trouble::cut_store});
      break;
    default: break;
  }
  return all;
}

engine::EngineConfig config_for(Dice& dice) {
  engine::EngineConfig config;
  config.min_validity = seconds(2);
  config.ahead = seconds(5);
  config.always_fresh = dice.chance(0.5);
  config.refuse_on_store_outage = dice.chance(0.3);
  config.cache_entries = 4096;
  config.min_interval = seconds(3);
  config.max_staleness = Milliseconds(dice.chance(0.5) ? 2000 : 4000);
  return config;
}

void draw_timing(Plan& plan, Dice& dice) {
  if (dice.chance(0.75)) {  // the same protocol, three times as fast: more of it in the same time
    plan.config.timeout = seconds(2);
    plan.config.lease = seconds(4);
    plan.config.recovery_interval = Milliseconds(500);
    plan.provider.window = seconds(24);
    plan.provider.access_ttl = dice.between(seconds(10), seconds(20));
    plan.longest_fault = seconds(7);
  } else {
    plan.provider.window = seconds(60);
    plan.provider.access_ttl = dice.between(seconds(15), seconds(40));
    plan.between_faults = seconds(7);
    plan.longest_fault = seconds(20);
  }
}

}  // namespace

std::string_view name_of(Theme theme) {
  switch (theme) {
    case Theme::everything: return "everything";
    case Theme::crashes: return "crashes";
    case Theme::store_trouble: return "store trouble";
    case Theme::provider_trouble: return "provider trouble";
    case Theme::bad_deployment: return "bad deployment";
    case Theme::failover: return "failover";
    case Theme::count: break;
  }
  return "?";
}

Milliseconds Plan::needed() const { return config.lease + config.timeout + config.recovery_interval + seconds(3); }

Plan plan_for(std::uint64_t seed) {
  Dice dice(seed ^ 0x5EED);
  Plan plan;
  plan.seed = seed;
  plan.theme = dice.chance(0.35) ? Theme::everything
                                 : static_cast<Theme>(1 + dice.below(static_cast<std::size_t>(Theme::count) - 1));
  plan.nodes = 1 + static_cast<int>(dice.below(dice.chance(0.25) ? 5 : 3));
  plan.grants = 6 + static_cast<int>(dice.below(8));
  plan.provider.rotation = static_cast<Rotation>(dice.below(7));
  if (dice.chance(0.3)) plan.provider.rotation = Rotation::window_same_pair;
  plan.config = config_for(dice);
  draw_timing(plan, dice);
  const Rotation how = plan.provider.rotation;
  const bool punished = how == Rotation::strict || how == Rotation::leeway_previous;
  plan.late_reuse = !punished && dice.chance(0.7);
  if (dice.chance(0.3)) plan.max_skew = seconds(3);
  plan.troubles = troubles_for(plan.theme);
  if (plan.theme == Theme::crashes) plan.ambush = 0.06;
  if (plan.theme == Theme::store_trouble) plan.spool_slots = 2 + static_cast<std::uint32_t>(dice.below(6));
  if (plan.theme == Theme::bad_deployment) plan.grants = 14;
  if (plan.theme == Theme::failover) {
    plan.config.spool_for = seconds(20);
    plan.spool_slots = 256;
  }
  return plan;
}

std::string to_text(const Plan& plan) {
  const auto ms = [](Milliseconds d) { return std::to_string(d.count()) + " ms"; };
  std::string text = "seed " + std::to_string(plan.seed) + ": " + std::string(name_of(plan.theme)) + "; " +
                     std::to_string(plan.nodes) + " node(s), " + std::to_string(plan.grants) + " grants\n";
  text += "provider: " + std::string(name_of(plan.provider.rotation)) + ", window " + ms(plan.provider.window) +
          ", access tokens live " + ms(plan.provider.access_ttl) + (plan.late_reuse ? ", late reuse tried" : "") + "\n";
  text += "timeout " + ms(plan.config.timeout) + ", lease " + ms(plan.config.lease) + ", recovery every " +
          ms(plan.config.recovery_interval) + ", " + (plan.config.always_fresh ? "always fresh" : "on demand") + ", " +
          std::to_string(plan.spool_slots) + " spool slots" +
          (plan.config.spool_for > Milliseconds(0) ? ", each pair kept " + ms(plan.config.spool_for) : "") +
          ", wall clocks off by up to " + ms(plan.max_skew) + "\n";
  return text;
}

}  // namespace keyfob::simulated
