#pragma once
// Broken ports: what mutants are made of. Each does what the sound port does until a mutant overrides it.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "testing/sim/mutant.hpp"

namespace keyfob::simulated {

struct BrokenRefreshes : RefreshStore {
  BrokenRefreshes(Stage& s, const NodePorts& sound) : stage(s), ports(sound), real(*sound.refreshes) {}
  void take_place(NodePorts& of) { of.refreshes = this; }
  Task<Result<BeginOutcome>> begin(BeginRequest request) override {
    Result<BeginOutcome> outcome = co_await real.begin(std::move(request));
    co_return outcome;
  }
  Task<Result<CommitOutcome>> commit(CommitRequest request) override {
    Result<CommitOutcome> outcome = co_await real.commit(std::move(request));
    co_return outcome;
  }
  Task<Result<UpdateOutcome>> update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) override {
    Result<UpdateOutcome> outcome = co_await real.update(std::move(ref), at, std::move(change), now);
    co_return outcome;
  }
  Stage& stage;
  NodePorts ports;
  RefreshStore& real;
};

struct BrokenEndpoint : TokenEndpoint {
  BrokenEndpoint(Stage& s, const NodePorts& sound) : stage(s), real(*sound.endpoint) {}
  void take_place(NodePorts& of) { of.endpoint = this; }
  Stage& stage;
  TokenEndpoint& real;
};

struct BrokenLatePairs : LatePairs {
  BrokenLatePairs(Stage& s, const NodePorts& sound) : stage(s), real(*sound.late_pairs) {}
  void take_place(NodePorts& of) { of.late_pairs = this; }
  Task<Result<void>> keep_late(KeptPair pair) override {
    Result<void> kept = co_await real.keep_late(std::move(pair));
    co_return kept;
  }
  Task<Result<std::vector<KeptPair>>> late(GrantRef ref, Epoch epoch) override {
    Result<std::vector<KeptPair>> found = co_await real.late(std::move(ref), epoch);
    co_return found;
  }
  Task<Result<void>> drop_late(KeptPair pair) override {
    Result<void> dropped = co_await real.drop_late(std::move(pair));
    co_return dropped;
  }
  Stage& stage;
  LatePairs& real;
};

struct BrokenHealth : HealthStore {
  BrokenHealth(Stage& s, const NodePorts& sound) : stage(s), real(*sound.health) {}
  void take_place(NodePorts& of) { of.health = this; }
  Task<Result<std::size_t>> reopen_refused(AppId app, WallTime since, WallTime due_at) override {
    Result<std::size_t> reopened = co_await real.reopen_refused(std::move(app), since, due_at);
    co_return reopened;
  }
  Stage& stage;
  HealthStore& real;
};

struct BrokenSpool : Spool {
  BrokenSpool(Stage& s, const NodePorts& sound) : stage(s), real(*sound.spool) {}
  void take_place(NodePorts& of) { of.spool = this; }
  Result<SpoolSlot> reserve() override { return real.reserve(); }
  Task<Result<void>> keep(SpoolSlot slot, KeptPair pair) override {
    Result<void> kept = co_await real.keep(slot, std::move(pair));
    co_return kept;
  }
  Task<void> release(SpoolSlot slot) override { co_await real.release(slot); }
  [[nodiscard]] std::vector<SpooledPair> entries() const override { return real.entries(); }
  Stage& stage;
  Spool& real;
};

}  // namespace keyfob::simulated
