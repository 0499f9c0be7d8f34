// Mutants: one broken port for each rule of docs/spec/refresh.md.
#include <map>
#include <set>

#include "testing/sim/broken_ports.hpp"

namespace keyfob::simulated {
namespace {

// --- begin: durable attempts and leases ---

struct NoDurableAttempt : BrokenRefreshes {
  using BrokenRefreshes::BrokenRefreshes;
  Task<Result<BeginOutcome>> begin(BeginRequest request) override {
    Result<GrantRecord> record = co_await ports.reader->load(request.ref);
    if (!record) co_return fail(record.error());
    const bool there = record->grant.version == request.at && record->grant.status != GrantStatus::revoked;
    if (!there) co_return Moved{std::move(*record)};
    record->grant.attempt = Attempt{request.attempt, request.node.id, request.node.incarnation, {}, request.lease, {}};
    co_return Begun{std::move(*record)};
  }
};

struct LeaseNotChecked : BrokenRefreshes {
  using BrokenRefreshes::BrokenRefreshes;
  /// What holds others back is no lease to this node: it takes it away.
  virtual bool over(const Attempt&) { return true; }
  virtual void granted(const AttemptId&, Milliseconds) {}
  Task<Result<BeginOutcome>> begin(BeginRequest request) override {
    BeginRequest again = request;
    Result<BeginOutcome> outcome = co_await real.begin(std::move(request));
    if (outcome && std::holds_alternative<Busy>(*outcome)) {
      Result<GrantRecord> record = co_await ports.reader->load(again.ref);
      if (!record || !record->grant.attempt || !over(*record->grant.attempt)) co_return outcome;
      again.replaces = record->grant.attempt->id;
      BeginRequest third = again;
      outcome = co_await real.begin(std::move(third));
    }
    if (outcome && std::holds_alternative<Begun>(*outcome)) granted(again.attempt, again.lease);
    co_return outcome;
  }
};

struct LeaseByNodeClock final : LeaseNotChecked {
  LeaseByNodeClock(Stage& s, const NodePorts& sound, std::shared_ptr<std::map<AttemptId, WallTime>> shared)
      : LeaseNotChecked(s, sound), until(std::move(shared)) {}
  bool over(const Attempt& attempt) override {
    const auto it = until->find(attempt.id);
    return it != until->end() && ports.clock->wall() >= it->second;
  }
  void granted(const AttemptId& attempt, Milliseconds lease) override {
    (*until)[attempt] = ports.clock->wall() + lease;
  }
  std::shared_ptr<std::map<AttemptId, WallTime>> until;
};

// --- commit ---

/// Writes the pair over whatever is stored.
struct BlindCommit : BrokenRefreshes {
  using BrokenRefreshes::BrokenRefreshes;
  virtual bool blind(const GrantRecord& stored, const KeptPair& pair) = 0;
  Task<Result<CommitOutcome>> commit(CommitRequest request) override {
    const KeptPair pair = request.pair;
    Result<CommitOutcome> outcome = co_await real.commit(std::move(request));
    const Moved* moved = outcome ? std::get_if<Moved>(&*outcome) : nullptr;
    if (moved == nullptr || moved->record.sealed == pair.sealed || !blind(moved->record, pair)) co_return outcome;
    const GrantRecord before = moved->record;
    PutRequest put{before, before.grant.version};
    put.record.sealed = pair.sealed;
    put.record.grant.version.generation = pair.at.generation.next();
    put.record.grant.attempt.reset();
    GrantRecord after = put.record;
    std::vector<PutRequest> puts(1, std::move(put));
    static_cast<void>(co_await stage.store.now().put(std::move(puts)));
    stage.oracle.committed(before, after);
    co_return Committed{std::move(after)};
  }
};

struct CommitWithoutGeneration final : BlindCommit {
  using BlindCommit::BlindCommit;
  bool blind(const GrantRecord& stored, const KeptPair& pair) override {
    return stored.grant.version.epoch == pair.at.epoch && stored.grant.status != GrantStatus::revoked;
  }
};

struct CommitWithoutEpoch final : BlindCommit {
  using BlindCommit::BlindCommit;
  bool blind(const GrantRecord& stored, const KeptPair& pair) override {
    return stored.grant.version.epoch != pair.at.epoch;
  }
};

struct OnlyOneTokenReplaced final : BrokenRefreshes {
  using BrokenRefreshes::BrokenRefreshes;
  Task<Result<CommitOutcome>> commit(CommitRequest request) override {
    const GrantRef ref{request.pair.app, request.pair.grant};
    Result<GrantRecord> record = co_await ports.reader->load(ref);
    if (record) request.pair.sealed.refresh = record->sealed.refresh;
    Result<CommitOutcome> outcome = co_await real.commit(std::move(request));
    co_return outcome;
  }
};

// --- refusals ---

struct RefusalBelievedAtOnce final : BrokenRefreshes {
  using BrokenRefreshes::BrokenRefreshes;
  Task<Result<UpdateOutcome>> update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) override {
    if (change.status == GrantStatus::suspect) change.status = GrantStatus::needs_reauth;
    Result<UpdateOutcome> outcome = co_await real.update(std::move(ref), at, std::move(change), now);
    co_return outcome;
  }
};

struct BurstRuleOff final : BrokenHealth {
  using BrokenHealth::BrokenHealth;
  Task<Result<RefreshHealth>> health(GrantRef asking, WallTime since) override {
    Result<RefreshHealth> health = co_await real.health(std::move(asking), since);
    if (health) health->refused_grants = 0;
    co_return health;
  }
};

struct NoRereadAfterRefusal final : BrokenLatePairs {
  using BrokenLatePairs::BrokenLatePairs;
  Task<Result<std::vector<KeptPair>>> late(GrantRef, Epoch) override { co_return std::vector<KeptPair>(); }
};

struct LatePairDropped final : BrokenLatePairs {
  using BrokenLatePairs::BrokenLatePairs;
  Task<Result<void>> keep_late(KeptPair) override { co_return Result<void>(); }
};

// --- the spool ---

struct SlotNotReserved final : BrokenSpool {
  using BrokenSpool::BrokenSpool;
  Result<SpoolSlot> reserve() override { return SpoolSlot(next++ % stage.plan.spool_slots); }
  SpoolSlot next = 0;
};

struct SpoolNotReplayed final : BrokenSpool {
  using BrokenSpool::BrokenSpool;
  Task<Result<void>> keep(SpoolSlot slot, KeptPair pair) override {
    mine.insert(slot);
    Result<void> kept = co_await real.keep(slot, std::move(pair));
    co_return kept;
  }
  [[nodiscard]] std::vector<SpooledPair> entries() const override {
    std::vector<SpooledPair> found = real.entries();
    std::erase_if(found, [this](const SpooledPair& spooled) { return !mine.contains(spooled.slot); });
    return found;
  }
  std::set<SpoolSlot> mine;
};

// --- the exchange ---

struct FirstExchangeClosedAtT final : BrokenEndpoint {
  using BrokenEndpoint::BrokenEndpoint;
  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override {
    limits.give_up_at = limits.send_before;
    TokenAnswer answer = co_await real.exchange(std::move(request), limits);
    co_return answer;
  }
};

struct DeadlineNotCheckedBeforeTheWrite final : BrokenEndpoint {
  using BrokenEndpoint::BrokenEndpoint;
  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override {
    limits.send_before += hours(1);
    TokenAnswer answer = co_await real.exchange(std::move(request), limits);
    co_return answer;
  }
};

/// Takes an answer for something else than it is.
struct Misread : BrokenEndpoint {
  using Reading = std::function<void(TokenAnswer&)>;
  Misread(Stage& s, const NodePorts& sound, Reading how) : BrokenEndpoint(s, sound), misread(std::move(how)) {}
  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override {
    TokenAnswer answer = co_await real.exchange(std::move(request), limits);
    misread(answer);
    co_return answer;
  }
  Reading misread;
};

void judge_before_keeping(TokenAnswer& answer) {
  if (!answer.access) answer.refresh.reset();
}
void take_unknown_for_unused(TokenAnswer& answer) {
  if (answer.disposition == Disposition::unknown && !answer.refresh) answer.disposition = Disposition::unsent;
}
void take_5xx_for_refused(TokenAnswer& answer) {
  if (answer.status >= 500) answer.disposition = Disposition::refused;
}
void take_invalid_client_for_refused(TokenAnswer& answer) {
  if (answer.disposition == Disposition::configuration) answer.disposition = Disposition::refused;
}

/// A retry inside the window is put off until the window has passed.
struct RetryAfterTheWindow final : BrokenEndpoint {
  RetryAfterTheWindow(Stage& s, const NodePorts& sound, std::shared_ptr<std::map<std::string, BootTime>> shared)
      : BrokenEndpoint(s, sound), used_at(std::move(shared)) {}
  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override {
    const std::string token(reveal_secret(std::get<RefreshGrant>(request.grant).refresh_token));
    const auto [it, first] = used_at->try_emplace(token, stage.time.now());
    if (!first && stage.time.now() - it->second <= stage.plan.provider.window)
      co_return TokenAnswer{Disposition::unsent};
    TokenAnswer answer = co_await real.exchange(std::move(request), limits);
    co_return answer;
  }
  std::shared_ptr<std::map<std::string, BootTime>> used_at;
};

/// The connection is the caller's: when he hangs up, it is closed and nothing is waited for.
struct CallerCancelsTheRefresh final : BrokenEndpoint {
  CallerCancelsTheRefresh(Stage& s, const NodePorts& sound, int node)
      : BrokenEndpoint(s, sound), ready(sound.ready), index(node) {
    stage.on_hang_up[node] = [this](int user) {
      if (const auto it = open.find(user); it != open.end()) it->second->give(TokenAnswer{Disposition::unsent});
    };
  }
  ~CallerCancelsTheRefresh() override { stage.on_hang_up[index] = nullptr; }
  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override {
    const std::string token(reveal_secret(std::get<RefreshGrant>(request.grant).refresh_token));
    const auto* known = stage.provider.refresh(token);
    auto reply = std::make_shared<Reply<TokenAnswer>>(*ready);
    open[known == nullptr ? -1 : stage.provider.owner_of(known->consent)] = reply;
    auto body = [this, reply, request = std::move(request), limits]() mutable -> Task<void> {
      TokenAnswer answer = co_await real.exchange(std::move(request), limits);
      reply->give(std::move(answer));
    };
    asio::co_spawn(co_await asio::this_coro::executor, std::move(body), asio::detached);
    TokenAnswer answer = co_await Reply<TokenAnswer>::wait(reply);
    co_return answer;
  }
  std::map<int, std::shared_ptr<Reply<TokenAnswer>>> open;
  bool* ready;
  int index;
};

// --- the list ---

template <class Broken, class... More>
auto wrapping(More... more) {
  return [more...](Stage& stage, NodePorts& ports, int) {
    auto broken = std::make_shared<Broken>(stage, ports, more...);
    broken->take_place(ports);
    ports.broken.push_back(std::move(broken));
  };
}

template <class Broken, class Shared>
auto wrapping_shared() {
  return [](Stage& stage, NodePorts& ports, int) {
    if (!stage.shared_by_mutants) stage.shared_by_mutants = std::make_shared<Shared>();
    auto broken = std::make_shared<Broken>(stage, ports, std::static_pointer_cast<Shared>(stage.shared_by_mutants));
    broken->take_place(ports);
    ports.broken.push_back(std::move(broken));
  };
}

void wrap_cancelling(Stage& stage, NodePorts& ports, int node) {
  auto broken = std::make_shared<CallerCancelsTheRefresh>(stage, ports, node);
  broken->take_place(ports);
  ports.broken.push_back(std::move(broken));
}

std::vector<Mutant> make_all() {
  return {
      {"no durable attempt", wrapping<NoDurableAttempt>()},
      {"lease not checked", wrapping<LeaseNotChecked>()},
      {"lease by node clock", wrapping_shared<LeaseByNodeClock, std::map<AttemptId, WallTime>>()},
      {"commit without generation", wrapping<CommitWithoutGeneration>()},
      {"commit without epoch", wrapping<CommitWithoutEpoch>()},
      {"only one token replaced", wrapping<OnlyOneTokenReplaced>()},
      {"first exchange closed at T", wrapping<FirstExchangeClosedAtT>()},
      {"deadline not checked before the write", wrapping<DeadlineNotCheckedBeforeTheWrite>()},
      {"validation before durability", wrapping<Misread>(judge_before_keeping)},
      {"unknown treated as unused", wrapping<Misread>(take_unknown_for_unused)},
      {"5xx treated as refused", wrapping<Misread>(take_5xx_for_refused)},
      {"invalid_client kills grants", wrapping<Misread>(take_invalid_client_for_refused)},
      {"retry after the window first", wrapping_shared<RetryAfterTheWindow, std::map<std::string, BootTime>>()},
      {"caller's cancellation cancels the refresh", wrap_cancelling},
      {"spool slot not reserved", wrapping<SlotNotReserved>()},
      {"spool not replayed", wrapping<SpoolNotReplayed>()},
      {"late pair dropped", wrapping<LatePairDropped>()},
      {"no re-read after refusal", wrapping<NoRereadAfterRefusal>()},
      {"refusal believed at once", wrapping<RefusalBelievedAtOnce>()},
      {"burst rule off", wrapping<BurstRuleOff>()},
      {"pairs leave the spool with their commit", {}, [](engine::EngineConfig& config) { config.spool_for = {}; }},
  };
}

}  // namespace

const std::vector<Mutant>& mutants() {
  static const std::vector<Mutant> kMutants = make_all();
  return kMutants;
}

}  // namespace keyfob::simulated
