// Simulation: callers who want tokens, owners who consent and withdraw.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "testing/sim/simulation.hpp"

namespace keyfob::simulated {
namespace {

std::string name_of_user(int user) { return "u" + std::to_string(user); }

}  // namespace

void Simulation::keep_calling() {
  if (over_) return;
  stage_.time.after(stage_.dice.between(Milliseconds(1), stage_.plan.between_calls * 2), [this] {
    Node& node = any_node();
    const int user = static_cast<int>(stage_.dice.below(static_cast<std::size_t>(stage_.plan.grants)));
    const std::size_t kind = stage_.dice.below(20);
    if (node.up()) {
      if (kind < 9) call(node, user);
      if (kind >= 9 && kind < 13) call_hot(node, user);
      if (kind >= 13 && kind < 16) call_and_hang_up(node, user);
      if (kind >= 16 && kind < 18) say_401(node, user);
      if (kind >= 18) force_refresh(node, user, std::make_shared<bool>(false));
    }
    keep_calling();
  });
}

void Simulation::call(Node& node, int user) {
  const BootTime asked_at = stage_.time.now();
  auto body = [this, &node, user, asked_at]() -> Task<void> {
    const auto answer = co_await node.engine().get(app_, name_of_user(user), "", seconds(20));
    if (answer) stage_.oracle.served(node.index(), user, std::string(reveal_secret(answer->token)), asked_at);
  };
  asio::co_spawn(node.context(), std::move(body), asio::detached);
}

void Simulation::call_hot(Node& node, int user) {
  if (stage_.weather.is(Trouble::pause, node.index())) return;
  TokenSlot slot;
  const std::string name = name_of_user(user);
  if (!node.engine().try_get(app_, Subject{.user = name}, slot)) return call(node, user);
  static_cast<void>(node.context());  // it may have started a refresh
  stage_.oracle.served(node.index(), user, std::string(slot.token.view()), stage_.time.now());
}

/// A caller who does not wait for the answer. The refresh goes on without him.
void Simulation::call_and_hang_up(Node& node, int user) {
  const auto cancel = std::make_shared<asio::cancellation_signal>();
  auto body = [this, &node, user]() -> Task<void> {
    const auto ref = stage_.oracle.ref_of(user);
    if (stage_.dice.chance(0.5) || !ref) {
      const auto answer = co_await node.engine().get(app_, name_of_user(user), "", seconds(20));
      static_cast<void>(answer);
    } else {
      const auto answer = co_await node.engine().refresh(*ref, seconds(20));
      static_cast<void>(answer);
    }
  };
  asio::co_spawn(node.context(), std::move(body),
                 asio::bind_cancellation_slot(cancel->slot(), [cancel](const std::exception_ptr&) {}));
  // The signal leads into the process that was called: when that is gone, nobody can hang up on it any more.
  const std::uint64_t called = node.incarnation();
  stage_.time.after(stage_.dice.between(Milliseconds(0), Milliseconds(80)), [this, &node, called, user, cancel] {
    if (!node.running() || node.incarnation() != called) return;
    ++hang_ups_;
    if (const auto& care = stage_.on_hang_up[node.index()]) care(user);
    asio::post(node.context(), [cancel] { cancel->emit(asio::cancellation_type::terminal); });
  });
}

/// The API answered 401 to a token that Keyfob thinks is good.
void Simulation::say_401(Node& node, int user) {
  const BootTime asked_at = stage_.time.now();
  auto body = [this, &node, user, asked_at]() -> Task<void> {
    const auto first = co_await node.engine().get(app_, name_of_user(user), "", seconds(5));
    if (!first) co_return;
    const auto next = co_await node.engine().after_refusal(first->ref, first->version, "", seconds(10));
    if (next) stage_.oracle.served(node.index(), user, std::string(reveal_secret(next->token)), asked_at);
  };
  asio::co_spawn(node.context(), std::move(body), asio::detached);
}

void Simulation::force_refresh(Node& node, int user, const std::shared_ptr<bool>& good) {
  const auto ref = stage_.oracle.ref_of(user);
  if (!ref || !node.up()) return;
  auto body = [&node, ref = *ref, good]() -> Task<void> {
    const auto answer = co_await node.engine().refresh(ref, seconds(20));
    if (answer) *good = true;
  };
  asio::co_spawn(node.context(), std::move(body), asio::detached);
}

void Simulation::keep_owning() {
  if (over_) return;
  stage_.time.after(stage_.dice.between(seconds(4), seconds(20)), [this] {
    Node& node = any_node();
    const int user = static_cast<int>(stage_.dice.below(static_cast<std::size_t>(stage_.plan.grants)));
    if (node.up() && !stage_.store.replica_lags()) {
      const std::size_t kind = stage_.dice.below(10);
      if (kind == 0) stage_.provider.withdraw(user);
      if (kind == 0 && stage_.trace.on()) stage_.trace.say(-1, "the owner of " + name_of_user(user) + " withdraws");
      if (kind == 1 || kind == 2) revoke(node, user);
      if (kind > 2 && (kind < 5 || !expected(user))) import(node, user, stage_.plan.provider.access_ttl / 2);
      if (kind > 6 && expected(user)) consent(node, user);
    }
    keep_owning();
  });
}

void Simulation::import(Node& node, int user, Milliseconds expires_in) {
  const ProviderModel::Pair pair = stage_.provider.issue(stage_.provider.consent(user), stage_.time.now());
  auto body = [this, &node, user, pair, expires_in]() -> Task<void> {
    engine::NewGrant grant;
    grant.user = UserId(name_of_user(user));
    grant.vehicles = {VehicleId("v" + std::to_string(user))};
    grant.pair = {AccessToken(pair.access), RefreshToken(pair.refresh)};
    grant.expires_in = expires_in;
    const auto imported = co_await node.engine().grants().import_one(app_, std::move(grant));
    static_cast<void>(imported);
  };
  asio::co_spawn(node.context(), std::move(body), asio::detached);
}

/// Begun at one node, brought back to another: the pair is stored at once, and handed to the owner's grant when the
/// provider has said whose it is. All of that while others refresh.
void Simulation::consent(Node& node, int user) {
  auto body = [this, &node, user]() -> Task<void> {
    engine::ConnectRequest request;
    request.app = app_;
    request.user = UserId(name_of_user(user));
    const auto url = co_await node.engine().consent().start(std::move(request));
    if (!url) co_return;
    stage_.time.after(stage_.dice.between(Milliseconds(50), seconds(3)), [this, user, state = url->state] {
      Node& there = any_node();
      if (there.up() && !over_) come_back(there, user, state);
    });
  };
  asio::co_spawn(node.context(), std::move(body), asio::detached);
}

void Simulation::come_back(Node& node, int user, std::string state) {
  ++consents_;
  if (stage_.trace.on()) stage_.trace.say(node.index(), "the owner of " + name_of_user(user) + " consents anew");
  auto body = [&node, user, state = std::move(state)]() -> Task<void> {
    engine::CallbackRequest callback;
    callback.code = "c" + std::to_string(user);
    callback.state = state;
    const auto result = co_await node.engine().consent().finish(std::move(callback));
    static_cast<void>(result);
  };
  asio::co_spawn(node.context(), std::move(body), asio::detached);
}

void Simulation::revoke(Node& node, int user) {
  const auto ref = stage_.oracle.ref_of(user);
  if (!ref) return;
  if (stage_.trace.on()) stage_.trace.say(node.index(), "is asked to revoke " + name_of_user(user));
  auto body = [this, &node, user, ref = *ref]() -> Task<void> {
    const auto state = co_await node.engine().revoke(ref, false);
    if (!state) co_return;
    const auto record = stage_.store.look(ref);
    const bool holds =
        record && (record->grant.status == GrantStatus::revoked || record->grant.status == GrantStatus::revoking);
    if (holds) stage_.oracle.revoked(user);
  };
  asio::co_spawn(node.context(), std::move(body), asio::detached);
}

}  // namespace keyfob::simulated
