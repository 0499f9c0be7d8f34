#include "testing/sim/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace keyfob::simulated {
namespace {

constexpr Milliseconds kLongest = minutes(40);   // virtual time of a run, should it not get there sooner
constexpr Milliseconds kSettled = seconds(150);  // after the last trouble everything must be well within

}  // namespace

Simulation::Simulation(const Plan& plan, const Mutant* mutant, bool tracing) : stage_(plan, tracing) {
  for (int i = 0; i < plan.nodes; ++i) nodes_.push_back(std::make_unique<Node>(stage_, i, mutant));
  stage_.milestone = [this](int node, Milestone milestone) { lay_ambush(node, milestone); };
}

Simulation::~Simulation() { nodes_.clear(); }

// --- what runs next ---

/// One handler of a node that the dice pick, or, when none is ready, the next thing that happens.
bool Simulation::step() {
  std::array<Node*, 8> ready{};
  std::size_t count = 0;
  for (const auto& node : nodes_) {
    const bool can = node->running() && node->ready() && !stage_.weather.is(Trouble::pause, node->index());
    if (can) ready.at(count++) = node.get();
  }
  if (count == 0) {
    stage_.oracle.look_around();
    return stage_.time.next();
  }
  Node& node = *ready.at(stage_.dice.below(count));
  node.step();
  spring_ambush(node.index());
  return true;
}

bool Simulation::run_until(const Done& done, Milliseconds at_most) {
  const BootTime end = stage_.time.now() + at_most;
  const auto alarm = stage_.time.after(at_most, [] {});
  while (!done() && stage_.time.now() < end && stage_.oracle.violation().empty()) {
    if (!step()) break;
  }
  stage_.time.cancel(alarm);
  return done();
}

void Simulation::pass(Milliseconds d) {
  run_until([] { return false; }, d);
}

Node& Simulation::any_node() { return *nodes_[stage_.dice.below(nodes_.size())]; }

// --- the acts ---

void Simulation::set_up() {
  Node& first = *nodes_.front();
  for (const auto& node : nodes_) node->start();
  run_until([&] { return std::ranges::all_of(nodes_, [](const auto& node) { return node->up(); }); }, minutes(1));
  bool made = false;
  auto body = [&]() -> Task<void> {
    engine::ApplicationEdit edit;
    edit.client_id = "client";
    edit.client_secret = ClientSecret("secret");
    edit.redirect_uri = "https://api.example/connect/callback";
    const Result<Application> added = co_await first.engine().directory().add_application("fleet", std::move(edit));
    if (added) app_ = added->id;
    made = added.has_value();
  };
  asio::co_spawn(first.context(), std::move(body), asio::detached);
  run_until([&] { return made; }, minutes(1));
  stage_.oracle.learn(first.engine().directory().snapshot()->keyring);
  pass(stage_.plan.config.max_staleness + seconds(1));  // the others hear of it
  for (int user = 0; user < stage_.plan.grants; ++user) import(any_node(), user, Milliseconds(0));
  run_until([&] { return stage_.oracle.ref_of(stage_.plan.grants - 1).has_value(); }, seconds(5));
  pass(seconds(1));
}

/// How far the nodes' wall clocks are apart.
Milliseconds Simulation::skew() const {
  Milliseconds behind = nodes_.front()->clock().skew;
  Milliseconds ahead = behind;
  for (const auto& node : nodes_) {
    behind = std::min(behind, node->clock().skew);
    ahead = std::max(ahead, node->clock().skew);
  }
  return ahead - behind;
}

/// I6: many callers on many nodes, nothing fails, one rotation.
void Simulation::first_refreshes() {
  for (const auto& node : nodes_) {
    for (int caller = 0; caller < 3; ++caller) call(*node, 0);
  }
  pass(seconds(2));
  const auto consent = stage_.oracle.consent_of(0);
  int uses = 0;
  if (consent) uses = stage_.provider.uses_of(*consent);
  const engine::EngineConfig& config = stage_.plan.config;
  const bool ahead = stage_.plan.provider.access_ttl - skew() < config.ahead + seconds(2);  // by the fastest clock
  const bool renewed = ahead || (config.always_fresh && stage_.plan.max_skew > Milliseconds(0));
  const bool full = uses == 0 && stage_.plan.spool_slots < static_cast<unsigned>(stage_.plan.grants);  // by others
  if (uses != 1 && !renewed && !full)
    stage_.oracle.violate("I6", fmt::format("{} callers on each node caused {} exchanges", 3, uses));
}

void Simulation::storms() {
  const auto enough = [this] {
    return stage_.oracle.refreshes() >= stage_.plan.refreshes && stage_.weather.faults() >= stage_.plan.faults;
  };
  keep_calling();
  keep_owning();
  keep_troubling();
  const BootTime latest = stage_.time.now() + kLongest;
  bool deployed = false;
  while (!enough() && stage_.time.now() < latest && stage_.oracle.violation().empty()) {
    storming_ = true;
    pass(stage_.dice.between(seconds(10), seconds(30)));
    storming_ = false;
    pass(stage_.dice.between(seconds(3), seconds(12)));
    if (stage_.plan.theme == Theme::bad_deployment && !deployed && stage_.oracle.refreshes() > 40) {
      deployed = true;
      bad_deployment();
    }
  }
}

Outcome Simulation::run() {
  const BootTime from = stage_.time.now();
  if (stage_.trace.on()) stage_.trace.say(-1, to_text(stage_.plan));
  set_up();
  first_refreshes();
  if (stage_.oracle.violation().empty()) storms();
  if (stage_.oracle.violation().empty()) settle();
  Outcome outcome;
  outcome.violation = stage_.oracle.violation();
  outcome.refreshes = stage_.oracle.refreshes();
  outcome.faults = stage_.weather.faults();
  outcome.lasted = stage_.time.now() - from;
  outcome.struck = stage_.weather.begun();
  outcome.long_deaths = long_deaths_;
  outcome.hang_ups = hang_ups_;
  outcome.consents = consents_;
  outcome.lost_commits = static_cast<int>(stage_.store.failovers().size());
  outcome.trace = stage_.trace.lines();
  return outcome;
}

// --- the end ---

void Simulation::end_troubles() {
  over_ = true;
  storming_ = false;
  ambushes_.clear();
  while (!troubles_.empty()) end_trouble(troubles_.begin()->first);
  stage_.trace.say(-1, "all troubles are over");
}

/// The owner never withdrew, nobody revoked it.
bool Simulation::expected(int user) {
  const auto ref = stage_.oracle.ref_of(user);
  const auto record = ref ? stage_.store.look(*ref) : std::nullopt;
  if (!record) return false;
  const bool revoked = record->grant.status == GrantStatus::revoked || record->grant.status == GrantStatus::revoking;
  const auto consent = stage_.oracle.consent_of(user);
  return !revoked && consent && !stage_.provider.withdrawn(*consent);
}

void Simulation::settle_one(int user) {
  const BootTime latest = stage_.time.now() + kSettled;
  const auto good = std::make_shared<bool>(false);
  while (!*good && expected(user) && stage_.time.now() < latest && stage_.oracle.violation().empty()) {
    force_refresh(any_node(), user, good);
    run_until([&] { return *good; }, seconds(2));
  }
  if (*good || !expected(user) || !stage_.oracle.violation().empty()) return;
  std::vector<KeptPair> kept;
  for (const auto& node : nodes_) {
    for (SpooledPair& spooled : node->disk().entries()) kept.push_back(std::move(spooled.pair));
  }
  const auto ref = *stage_.oracle.ref_of(user);
  const auto record = stage_.store.look(ref);
  auto late = stage_.store.run(stage_.store.now().late(ref, record->grant.version.epoch));
  if (late) kept.insert(kept.end(), late->begin(), late->end());
  const std::string why = stage_.oracle.judge_lost(user, kept);
  if (!why.empty()) stage_.oracle.violate("I4", fmt::format("u{} does not come back: {}", user, why));
}

void Simulation::ask_everywhere() {
  for (int user = 0; user < stage_.plan.grants; ++user) {
    if (!expected(user)) continue;
    for (const auto& node : nodes_) call(*node, user);
  }
  pass(seconds(3));
}

/// With spool = "always" a pair stays for a while, if the store has it or a newer one: counted from when it came, or
/// from when the node was told last that the store has it, which a start or a failover makes it ask again.
bool Simulation::may_stay(int node, const SpooledPair& spooled) {
  const KeptPair& pair = spooled.pair;
  const auto record = stage_.store.look({pair.app, pair.grant});
  if (stage_.plan.config.spool_for <= Milliseconds(0) || !record) return false;
  const GrantVersion& version = record->grant.version;
  const Milliseconds skew = stage_.plan.max_skew * 2;
  const Milliseconds changed = stage_.time.wall() - record->grant.updated_at;
  if (version.epoch > pair.at.epoch) return changed < seconds(12) + skew;  // until the next look
  const auto& lost = stage_.store.failovers();
  const BootTime asked = std::max(stage_.weather.running_since(node), lost.empty() ? BootTime() : lost.back());
  const Milliseconds age = std::min(stage_.time.wall() - pair.received_at, stage_.time.now() - asked);
  const bool stored = version.epoch == pair.at.epoch && version.generation > pair.at.generation;
  return stored && age < stage_.plan.config.spool_for + seconds(20) + skew;
}

/// A consent that came, and that the provider would say more about, is in no grant of its own any more.
bool Simulation::still_waits(const GrantRecord& record) const {
  if (!engine::is_provisional(record.grant)) return false;
  const bool in_reach = record.grant.status == GrantStatus::active || engine::handed_over(record.grant).has_value();
  return in_reach && stage_.oracle.works(record);
}

/// I7: no attempt is forgotten, nothing stays in a spool, no consent waits.
void Simulation::look_for_leftovers() {
  for (const GrantRecord& record : stage_.store.all()) {
    const int user = Oracle::user_of(record.grant);
    if (still_waits(record)) stage_.oracle.violate("I7", fmt::format("a consent of u{} waits for ever", user));
    if (record.grant.status != GrantStatus::active || !expected(user)) continue;
    // expected() speaks of the owner's last consent; an earlier one that was withdrawn is refused like any other.
    if (engine::is_provisional(record.grant) && !stage_.oracle.works(record)) continue;
    const engine::EngineConfig& config = stage_.plan.config;
    const Milliseconds too_old = config.lease + config.timeout + config.recovery_interval + seconds(2);
    const bool forgotten = record.grant.attempt && record.grant.attempt->since_first_sent > too_old;
    if (forgotten) stage_.oracle.violate("I7", fmt::format("an attempt of u{} was forgotten", user));
  }
  for (const auto& node : nodes_) {
    for (const SpooledPair& spooled : node->disk().entries()) {
      if (may_stay(node->index(), spooled)) continue;
      if (node->clock().wall() - spooled.pair.received_at < seconds(5)) continue;
      stage_.oracle.violate("I7", fmt::format("node-{} still has a pair of {} in its spool", node->index() + 1,
                                              spooled.pair.grant.view()));
    }
  }
}

void Simulation::settle() {
  end_troubles();
  for (int user = 0; user < stage_.plan.grants; ++user) settle_one(user);
  if (!stage_.oracle.violation().empty()) return;
  ask_everywhere();
  const auto quiet = [this] {
    const auto waits = [this](const GrantRecord& record) { return still_waits(record); };
    if (std::ranges::any_of(stage_.store.all(), waits)) return false;
    return std::ranges::all_of(nodes_, [this](const auto& node) {
      const auto stays = [&](const SpooledPair& spooled) { return may_stay(node->index(), spooled); };
      return std::ranges::all_of(node->disk().entries(), stays);
    });
  };
  const BootTime latest = stage_.time.now() + minutes(4);
  while (!quiet() && stage_.time.now() < latest && stage_.oracle.violation().empty()) pass(seconds(1));
  pass(seconds(2));
  look_for_leftovers();
}

Outcome simulate(std::uint64_t seed, const Mutant* mutant, bool tracing) {
  Simulation simulation(plan_for(seed), mutant, tracing);
  return simulation.run();
}

}  // namespace keyfob::simulated
