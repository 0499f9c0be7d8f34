#include "testing/sim/store_link.hpp"

#include <fmt/format.h>

namespace keyfob::simulated {
namespace {

std::unexpected<Error> outage() { return fail(ErrorCode::unavailable, "the store cannot be reached"); }
std::unexpected<Error> silence() { return fail(ErrorCode::timeout, "the store did not answer"); }

std::string what_is_put(const Grant& grant) {
  const std::string user = grant.user.str();
  if (!engine::is_provisional(grant)) return "stores a pair of a new consent for " + user;
  return engine::handed_over(grant) ? "leaves a note where the consent of " + user + " was"
                                    : "keeps the consent of " + user + " until it is known whose it is";
}

constexpr Milliseconds kGivenUp(1000);  // how long a node waits for an answer of the store

}  // namespace

bool StoreLink::cut() const {
  const Weather& weather = stage_.weather;
  return weather.is(Trouble::cut_store, node_) || weather.is(Trouble::store_down, node_) ||
         weather.is(Trouble::store_fails_over, node_);
}

Milliseconds StoreLink::way() {
  Dice& dice = stage_.dice;
  return dice.chance(0.03) ? dice.between(Milliseconds(20), Milliseconds(200))
                           : dice.between(Milliseconds(0), Milliseconds(3));
}

template <class T>
Task<Result<T>> StoreLink::travel(Traffic traffic, std::function<Result<T>()> apply) {
  if (cut()) {
    const bool refused = stage_.dice.chance(0.5);
    co_await clock_.sleep(refused ? Milliseconds(1) : kGivenUp);
    if (refused) co_return outage();
    co_return silence();
  }
  auto reply = std::make_shared<Reply<Result<T>>>(ready_);
  Stage* stage = &stage_;
  auto arrive = [this, stage, traffic, reply, apply = std::move(apply)]() mutable {
    const bool gone =
        stage->weather.is(Trouble::store_down, node_) || stage->weather.is(Trouble::store_fails_over, node_);
    if (gone || (cut() && stage->dice.chance(0.5))) return;
    const bool writes = traffic != Traffic::read;
    if (traffic == Traffic::commit && stage->weather.is(Trouble::commits_fail, node_)) {
      stage->trace.say(node_, "the store refuses the commit");
      reply->give(outage());
      return;
    }
    Result<T> answer = apply();
    if (writes && stage->weather.is(Trouble::acks_lost, node_) && stage->dice.chance(0.7)) {
      stage->trace.say(node_, "the store's acknowledgement is lost");
      return;
    }
    auto back = [this, reply, answer = std::move(answer)]() mutable {
      if (!cut()) reply->give(std::move(answer));
    };
    stage->time.after(way(), std::move(back));
  };
  stage_.time.after(way(), std::move(arrive));
  const auto give_up = stage_.time.after(kGivenUp, [reply] { reply->give(silence()); });
  Result<T> answer = co_await Reply<Result<T>>::wait(reply);
  stage_.time.cancel(give_up);
  co_return answer;
}

// --- reading ---

Task<Result<GrantRecord>> StoreLink::load(GrantRef ref) {
  std::function<Result<GrantRecord>()> apply = [this, ref] { return stage_.store.run(stage_.store.now().load(ref)); };
  auto answer = co_await travel<GrantRecord>(Traffic::read, std::move(apply));
  co_return answer;
}

Task<Result<std::vector<GrantRecord>>> StoreLink::find(AppId app, GrantSelector selector) {
  using Found = std::vector<GrantRecord>;
  std::function<Result<Found>()> apply = [this, app, selector] {
    return stage_.store.run(stage_.store.now().find(app, selector));
  };
  auto answer = co_await travel<Found>(Traffic::read, std::move(apply));
  co_return answer;
}

Task<Result<GrantPage>> StoreLink::list(GrantFilter filter) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().list(std::move(filter));
}

Task<Result<std::vector<KeptPair>>> StoreLink::late(GrantRef ref, Epoch epoch) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().late(std::move(ref), epoch);
}

Task<Result<RefreshHealth>> StoreLink::health(GrantRef asking, WallTime since) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().health(std::move(asking), since);
}

Task<Result<std::vector<GrantRecord>>> StoreLink::abandoned(NodeIdentity node, std::size_t limit) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().abandoned(std::move(node), limit);
}

Task<Result<std::vector<GrantRecord>>> StoreLink::claim_due(std::vector<DueShare> shares, WallTime now,
                                                            Milliseconds hold) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().claim_due(std::move(shares), now, hold);
}

Task<Result<DueOutlook>> StoreLink::outlook(AppId app, WallTime now, std::size_t count_at_most) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().outlook(std::move(app), now, count_at_most);
}

/// A cursor is only good for the store that gave it: after a failover everything may have changed.
Task<Result<Changes>> StoreLink::changes_since(std::string cursor) {
  if (cut() || stage_.weather.is(Trouble::feed_lost, node_)) co_return outage();
  const std::string era = std::to_string(stage_.store.era()) + "/";
  const bool known = cursor.starts_with(era);
  std::string rest = known ? cursor.substr(era.size()) : std::string();
  Result<Changes> changes = co_await stage_.store.now().changes_since(std::move(rest));
  if (!changes) co_return changes;
  changes->cursor = era + changes->cursor;
  if (!known && !cursor.empty()) changes->everything = changes->directory = true;
  co_return changes;
}

// --- writing ---

Task<Result<BeginOutcome>> StoreLink::begin(BeginRequest request) {
  std::function<Result<BeginOutcome>()> apply = [this, request]() -> Result<BeginOutcome> {
    const auto before = stage_.store.look(request.ref);
    Result<BeginOutcome> outcome = stage_.store.run(stage_.store.now().begin(request));
    if (!outcome || !std::holds_alternative<Begun>(*outcome)) return outcome;
    if (stage_.trace.on()) {
      const Attempt& attempt = *std::get<Begun>(*outcome).record.grant.attempt;
      const Milliseconds since = attempt.since_first_sent;
      const std::string after = since > Milliseconds(0) ? fmt::format(", first used {} ms ago", since.count()) : "";
      const std::string whose = attempt.stranded ? ", taken over from " + attempt.stranded->str() : "";
      stage_.trace.say(node_, "begins with " + before->grant.user.str() + after + whose);
    }
    stage_.oracle.begun(before, request);
    stage_.milestone(node_, Milestone::begun);
    return outcome;
  };
  auto answer = co_await travel<BeginOutcome>(Traffic::write, std::move(apply));
  co_return answer;
}

Task<Result<CommitOutcome>> StoreLink::commit(CommitRequest request) {
  stage_.milestone(node_, Milestone::committing);
  std::function<Result<CommitOutcome>()> apply = [this, request]() -> Result<CommitOutcome> {
    const auto before = stage_.store.look({request.pair.app, request.pair.grant});
    Result<CommitOutcome> outcome = stage_.store.run(stage_.store.now().commit(request));
    if (!outcome) return outcome;
    const auto after = stage_.store.look({request.pair.app, request.pair.grant});
    const bool done = std::holds_alternative<Committed>(*outcome);
    if (stage_.trace.on()) {
      stage_.trace.say(node_, fmt::format("commits for {}: {}", after->grant.user.str(),
                                          done ? "stored" : "the grant has moved on"));
    }
    if (done || before->grant.version != after->grant.version) stage_.oracle.committed(*before, *after);
    stage_.milestone(node_, Milestone::committed);
    return outcome;
  };
  auto answer = co_await travel<CommitOutcome>(Traffic::commit, std::move(apply));
  co_return answer;
}

Task<Result<UpdateOutcome>> StoreLink::update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) {
  std::function<Result<UpdateOutcome>()> apply = [this, ref, at, change, now]() -> Result<UpdateOutcome> {
    const auto before = stage_.store.look(ref);
    Result<UpdateOutcome> outcome = stage_.store.run(stage_.store.now().update(ref, at, change, now));
    if (outcome && std::holds_alternative<Updated>(*outcome)) {
      const GrantRecord& after = std::get<Updated>(*outcome).record;
      const bool cleared = before->grant.attempt && !after.grant.attempt;
      if (cleared && stage_.trace.on()) stage_.trace.say(node_, "clears the attempt of " + after.grant.user.str());
      stage_.oracle.updated(*before, after);
    }
    return outcome;
  };
  auto answer = co_await travel<UpdateOutcome>(Traffic::write, std::move(apply));
  co_return answer;
}

Task<Result<std::vector<Result<void>>>> StoreLink::put(std::vector<PutRequest> requests) {
  using Answers = std::vector<Result<void>>;
  std::function<Result<Answers>()> apply = [this, requests]() -> Result<Answers> {
    Result<Answers> answers = stage_.store.run(stage_.store.now().put(requests));
    for (std::size_t i = 0; answers && i < answers->size(); ++i) {
      if (!(*answers)[i]) continue;
      if (stage_.trace.on()) stage_.trace.say(node_, what_is_put(requests[i].record.grant));
      stage_.oracle.put(requests[i].record);
    }
    return answers;
  };
  auto answer = co_await travel<Answers>(Traffic::write, std::move(apply));
  co_return answer;
}

Task<Result<void>> StoreLink::remove(GrantRef ref) {
  if (cut()) co_return outage();
  stage_.oracle.removed(ref);
  co_return co_await stage_.store.now().remove(std::move(ref));
}

Task<Result<void>> StoreLink::keep_late(KeptPair pair) {
  if (cut()) co_return outage();
  const KeptPair copy = pair;
  Result<void> kept = co_await stage_.store.now().keep_late(std::move(pair));
  if (stage_.trace.on())
    stage_.trace.say(node_, kept ? "keeps a late pair" : "a late pair is refused: " + kept.error().what);
  if (kept) stage_.oracle.kept(copy);
  co_return kept;
}

Task<Result<void>> StoreLink::drop_late(KeptPair pair) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().drop_late(std::move(pair));
}

Task<Result<std::size_t>> StoreLink::reopen_refused(AppId app, WallTime since, WallTime due_at) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().reopen_refused(std::move(app), since, due_at);
}

// --- the directory ---

Task<Result<std::vector<ApplicationRecord>>> StoreLink::applications() {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().applications();
}

Task<Result<void>> StoreLink::put_application(ApplicationRecord record) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().put_application(std::move(record));
}

Task<Result<void>> StoreLink::remove_application(AppId app) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().remove_application(std::move(app));
}

Task<Result<std::vector<CallerRecord>>> StoreLink::callers() {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().callers();
}

Task<Result<void>> StoreLink::put_caller(CallerRecord record) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().put_caller(std::move(record));
}

Task<Result<std::vector<WrappedDataKey>>> StoreLink::data_keys() {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().data_keys();
}

Task<Result<void>> StoreLink::put_data_keys(std::vector<WrappedDataKey> keys) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().put_data_keys(std::move(keys));
}

Task<Result<void>> StoreLink::put_consent(ConsentState state) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().put_consent(std::move(state));
}

Task<Result<ConsentState>> StoreLink::take_consent(Bytes state_hash, WallTime now) {
  if (cut()) co_return outage();
  co_return co_await stage_.store.now().take_consent(std::move(state_hash), now);
}

}  // namespace keyfob::simulated
