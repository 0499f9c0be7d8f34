#include "testing/sim/node.hpp"

#include <boost/asio/co_spawn.hpp>

#include "testing/sim/mutant.hpp"

namespace keyfob::simulated {
namespace {

std::shared_ptr<ProviderProfile> profile_of(const Plan& plan) {
  auto profile = std::make_shared<ProviderProfile>();
  profile->name = "smartcar";
  profile->authorize_url = "https://auth.example/oauth/authorize";
  profile->token_url = "https://auth.example/oauth/token";
  profile->revoke.vehicle_url = "https://api.example/v2.0/vehicles/{vehicle}/application";
  profile->access_ttl = plan.provider.access_ttl;
  const Rotation how = plan.provider.rotation;
  profile->rotation = how == Rotation::optional ? keyfob::Rotation::optional : keyfob::Rotation::required;
  profile->reuse_window = how == Rotation::strict ? Milliseconds(0) : plan.provider.window;
  profile->late_reuse = plan.late_reuse;
  return profile;
}

}  // namespace

Node::Node(Stage& stage, int index, const Mutant* mutant)
    : stage_(stage),
      index_(index),
      mutant_(mutant),
      clock_(stage.time, stage.dice.between(seconds(0), hours(100)), ready_),
      store_(stage, index, clock_, ready_),
      provider_(stage, index, clock_, ready_),
      disk_(stage, index, clock_),
      random_(stage.dice.next()) {
  const Milliseconds off = stage.plan.max_skew;
  clock_.skew = stage.dice.between(-off, off);
}

Node::~Node() { crash(); }

void Node::start() {
  const auto profile = profile_of(stage_.plan);
  engine::EngineConfig config = stage_.plan.config;
  if (mutant_ != nullptr && mutant_->configure) mutant_->configure(config);
  ports_ = {&store_, &store_, &store_, &store_, &store_, &provider_, &disk_, &clock_, &ready_};
  if (mutant_ != nullptr && mutant_->wrap) mutant_->wrap(stage_, ports_, index_);
  const engine::EnginePorts ports{*ports_.reader, *ports_.refreshes,
                                  store_,         *ports_.late_pairs,
                                  *ports_.due,    *ports_.health,
                                  store_,         store_,
                                  store_,         store_,
                                  store_,         *ports_.endpoint,
                                  provider_,      *ports_.spool,
                                  master_,        clock_,
                                  random_,        events_,
                                  metrics_};
  const NodeIdentity node{NodeId("node-" + std::to_string(index_ + 1)), Incarnation(++incarnation_)};
  context_ = std::make_unique<asio::io_context>(1);
  engine::Directory::Profiles profiles;
  profiles.emplace("smartcar", profile);
  engine_ = std::make_unique<engine::Engine>(context_->get_executor(), ports, config, node, std::move(profiles));
  auto body = [this]() -> Task<void> {
    Result<void> started = co_await engine_->start();
    while (!started) {  // what starts a daemon again would do so
      co_await clock_.sleep(Milliseconds(500));
      started = co_await engine_->start();
    }
    up_ = true;
  };
  asio::co_spawn(*context_, std::move(body), [](const std::exception_ptr& e) {
    if (e) std::rethrow_exception(e);
  });
  ready_ = true;
}

/// The engine's objects go first: their timers need the context. Frames that were under way go with the context.
void Node::crash() {
  up_ = false;
  ready_ = false;
  engine_.reset();
  context_.reset();
  disk_.crash();
}

bool Node::step() {
  context_->restart();
  const bool ran = context_->poll_one() > 0;
  if (!ran) ready_ = false;
  return ran;
}

}  // namespace keyfob::simulated
