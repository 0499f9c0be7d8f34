// Simulation: what goes wrong, where and when.
#include <fmt/format.h>

#include <algorithm>

#include "testing/sim/simulation.hpp"

namespace keyfob::simulated {
namespace {

bool of_one_node(Trouble trouble) {
  using enum Trouble;
  return trouble == cut_provider || trouble == cut_store || trouble == pause || trouble == down;
}

bool of_either(Trouble trouble) {
  using enum Trouble;
  return trouble == commits_fail || trouble == acks_lost || trouble == feed_lost;
}

}  // namespace

void Simulation::keep_troubling() {
  if (over_) return;
  const Milliseconds pause = stage_.plan.between_faults;
  stage_.time.after(stage_.dice.between(pause / 3, pause * 5 / 3), [this] {
    if (storming_) strike_any();
    keep_troubling();
  });
}

void Simulation::strike_any() {
  int sum = 0;
  for (const auto& [trouble, weight] : stage_.plan.troubles) sum += weight;
  int pick = static_cast<int>(stage_.dice.below(static_cast<std::size_t>(sum)));
  Trouble chosen = Trouble::down;
  for (const auto& [trouble, weight] : stage_.plan.troubles) {
    chosen = trouble;
    if ((pick -= weight) < 0) break;
  }
  const bool one = (of_one_node(chosen) && !stage_.dice.chance(0.08)) || (of_either(chosen) && stage_.dice.chance(0.5));
  const int node = one ? any_node().index() : Weather::kEverywhere;
  Milliseconds longest = stage_.plan.longest_fault;
  if (chosen == Trouble::provider_refuses || chosen == Trouble::store_fails_over) longest = seconds(3);
  strike(chosen, node, stage_.dice.between(Milliseconds(100), longest));
}

void Simulation::strike(Trouble trouble, int node, Milliseconds how_long) {
  if (stage_.trace.on()) {
    stage_.trace.say(node, fmt::format("TROUBLE {}, for {} ms", name_of(trouble), how_long.count()));
  }
  stage_.weather.begin(trouble, node);
  if (trouble == Trouble::replica_lags && !stage_.store.replica_lags()) stage_.store.remember();
  if (trouble == Trouble::down) {
    for (const auto& one : nodes_) {
      if (node != Weather::kEverywhere && one->index() != node) continue;
      one->crash();
      stage_.oracle.crashed(one->index());
      if (!stage_.dice.chance(0.1)) continue;
      stage_.trace.say(one->index(), "its disk is lost");
      one->disk().lose();
      stage_.weather.disk_died(one->index());
    }
  }
  const std::uint64_t id = next_trouble_++;
  troubles_[id] = {trouble, node};
  stage_.time.after(how_long, [this, id] { end_trouble(id); });
}

void Simulation::end_trouble(std::uint64_t id) {
  const auto it = troubles_.find(id);
  if (it == troubles_.end()) return;
  const auto [trouble, node] = it->second;
  troubles_.erase(it);
  stage_.weather.end(trouble, node);
  if (stage_.trace.on()) stage_.trace.say(node, fmt::format("over: {}", name_of(trouble)));
  if (trouble == Trouble::store_fails_over) stage_.store.take_over();
  if (trouble == Trouble::replica_lags) fail_over();
  if (trouble != Trouble::down) return;
  for (const auto& one : nodes_) {
    if (!one->running() && !stage_.weather.is(Trouble::down, one->index())) one->start();
  }
}

/// The standby takes over without what was committed since it fell behind.
void Simulation::fail_over() {
  if (!stage_.store.replica_lags()) return;  // two of them: the first took over
  const bool lost = stage_.store.fall_back();
  stage_.weather.blink();
  stage_.trace.say(-1, lost ? "the standby takes over: acknowledged commits are lost" : "the standby takes over");
  if (lost) stage_.oracle.fell_back();
}

/// Something happens to this node a few of its steps from now: between any two suspension points.
void Simulation::lay_ambush(int node, Milestone milestone) {
  if (!storming_ || !ambushes_.empty()) return;
  Dice& dice = stage_.dice;
  const int steps = static_cast<int>(dice.below(10));
  if (milestone == Milestone::spooled) {
    if (!dice.chance(stage_.plan.long_death)) return;
    const Milliseconds window = stage_.plan.provider.window;
    ambushes_.push_back({node, steps, Trouble::down, dice.between(window, window + seconds(5))});
    return;
  }
  if (!dice.chance(stage_.plan.ambush)) return;
  using enum Trouble;
  constexpr std::array kKinds = {down, down, down, pause, cut_store, cut_provider, commits_fail, acks_lost};
  const Trouble kind = kKinds.at(dice.below(kKinds.size()));
  ambushes_.push_back({node, steps, kind, dice.between(Milliseconds(50), stage_.plan.longest_fault)});
}

void Simulation::spring_ambush(int node) {
  if (ambushes_.empty() || ambushes_.front().node != node || --ambushes_.front().steps > 0) return;
  const Ambush ambush = ambushes_.front();
  ambushes_.clear();
  if (!nodes_[static_cast<std::size_t>(node)]->running()) return;
  if (ambush.how_long >= stage_.plan.provider.window) ++long_deaths_;
  strike(ambush.trouble, node, ambush.how_long);
}

/// Everything else is well, but for minutes the provider refuses what it should accept.
void Simulation::bad_deployment() {
  while (!troubles_.empty()) end_trouble(troubles_.begin()->first);
  pass(seconds(20));
  strike(Trouble::provider_refuses, Weather::kEverywhere, stage_.dice.between(seconds(20), seconds(90)));
  run_until([this] { return troubles_.empty(); }, minutes(3));
  pass(seconds(20));
}

}  // namespace keyfob::simulated
