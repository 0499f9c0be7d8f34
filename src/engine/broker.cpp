#include "engine/broker.hpp"

#include <algorithm>

#include "engine/grants.hpp"
#include "engine/wakeup.hpp"
#include "vault/pair.hpp"

namespace keyfob::engine {
namespace {

constexpr int kRounds = 3;
constexpr Milliseconds kStorePatience = seconds(2);  ///< of callers; then the store counts as out of reach

GrantToken answer_of(Grant grant, AccessToken token) {
  GrantToken answer;
  answer.ref = {std::move(grant.app), std::move(grant.id)};
  answer.version = grant.version;
  answer.user = std::move(grant.user);
  answer.provider_user = std::move(grant.provider_user);
  answer.vehicles = std::move(grant.vehicles);
  answer.scope = std::move(grant.scope);
  answer.token = std::move(token);
  answer.expires_at = grant.access_expires_at;
  return answer;
}

}  // namespace

TokenFailure Broker::failure(const Grant& grant, TokenProblem problem, std::string detail, Milliseconds retry_after) {
  TokenFailure failure;
  failure.problem = problem;
  failure.retry_after = retry_after;
  failure.ref = {grant.app, grant.id};
  failure.user = grant.user;
  failure.provider_user = grant.provider_user;
  failure.vehicles = grant.vehicles;
  failure.detail = std::move(detail);
  return failure;
}

// --- hot path ---

bool Broker::fresh_enough() const {
  const Milliseconds over =
      context_.clock.boot().time_since_epoch() - Milliseconds(valid_until_.load(std::memory_order_relaxed));
  if (over <= Milliseconds(0)) return true;
  const bool outage = outage_.load(std::memory_order_relaxed) || over > kStorePatience;
  return outage && !policy_.refuse_on_store_outage;
}

bool Broker::try_get(const AppId& app, Subject subject, TokenSlot& out, CachedGrantPtr& wants_refresh) const noexcept {
  const auto shown = fresh_enough() ? context_.cache.show(app, subject, out) : std::nullopt;
  if (!shown) return false;
  const Milliseconds left = out.expires_at - context_.clock.wall();
  const bool active = shown->status == GrantStatus::active;
  const bool good =
      active ? left > policy_.serving.min_validity : shown->status == GrantStatus::suspect && left > Milliseconds(0);
  // Without its application's key a record is gone for good; so is what was made of it.
  const bool has_key = context_.directory.snapshot_of_this_thread().keyring->primary(app) != nullptr;
  if (!good || !has_key || !context_.cache.open_into(*shown, out)) {
    out.clear();
    return false;
  }
  if (active && left <= policy_.serving.ahead) {
    CachedGrantPtr cached = context_.cache.find(app, subject);
    if (cached && cached->ask_refresh()) wants_refresh = std::move(cached);
  }
  return true;
}

// --- looking up ---

/// What a caller waits for. A store that does not answer is one that is out of reach.
template <class T>
Task<Result<T>> Broker::soon(Task<Result<T>> asked) {
  std::optional<Result<T>> answer =
      co_await within(context_.executor, std::move(asked), context_.clock, kStorePatience);
  if (!answer) co_return fail(ErrorCode::unavailable, "the store does not answer");
  co_return std::move(*answer);
}

TokenFailure Broker::store_failure(const Error& error) const {
  TokenFailure failure;
  failure.problem = error.code == ErrorCode::damaged     ? TokenProblem::record_damaged
                    : error.code == ErrorCode::not_found ? TokenProblem::unknown_grant
                                                         : TokenProblem::store_unavailable;
  failure.retry_after = seconds(1);
  failure.detail = error.what;
  return failure;
}

/// Which of the grants that fit is meant; found is most specific first.
Broker::Answer<GrantRecord> Broker::choose(std::vector<GrantRecord> found, bool by_vehicle) const {
  std::erase_if(found, [](const GrantRecord& record) { return is_unconfirmed(record.grant.user); });
  if (found.empty()) return std::unexpected(TokenFailure{});
  const auto gone = [](const GrantRecord& record) {
    return record.grant.status == GrantStatus::revoked || record.grant.status == GrantStatus::revoking;
  };
  if (std::ranges::all_of(found, gone)) return std::unexpected(failure(found.front().grant, TokenProblem::revoked));
  std::erase_if(found, gone);
  const auto differs = [&](const GrantRecord& record) { return record.grant.user != found.front().grant.user; };
  if (std::ranges::any_of(found, differs)) {
    TokenFailure ambiguous;
    ambiguous.problem = TokenProblem::ambiguous_grant;
    return std::unexpected(std::move(ambiguous));
  }
  if (!by_vehicle && found.size() > 1) {
    std::erase_if(found, [](const GrantRecord& record) { return record.grant.single_select; });
    if (found.size() != 1) {
      TokenFailure ambiguous;
      ambiguous.problem = TokenProblem::ambiguous_grant;
      return std::unexpected(std::move(ambiguous));
    }
  }
  const auto usable =
      std::ranges::find_if(found, [](const GrantRecord& r) { return r.grant.status != GrantStatus::needs_reauth; });
  return usable == found.end() ? std::move(found.front()) : std::move(*usable);
}

Task<Broker::Answer<GrantRecord>> Broker::resolve(AppId app, std::string user, std::string vehicle) {
  GrantSelector selector;
  selector.user = UserId(user);
  selector.vehicle = VehicleId(vehicle);
  Result<std::vector<GrantRecord>> found = co_await soon(context_.reader.find(app, std::move(selector)));
  if (!found) co_return std::unexpected(store_failure(found.error()));
  Answer<GrantRecord> chosen = choose(std::move(*found), !vehicle.empty());
  if (!chosen) co_return chosen;
  if (auto intact = context_.sealer.verify_association(*chosen); !intact) {
    co_return std::unexpected(failure(chosen->grant, TokenProblem::record_damaged, intact.error().what));
  }
  const Subject subject{user, vehicle};
  context_.cache.put(refresher_.overlaid(*chosen), subject);
  co_return chosen;
}

Task<Broker::Answer<GrantRecord>> Broker::load(GrantRef ref) {
  Result<GrantRecord> record = co_await soon(context_.reader.load(std::move(ref)));
  if (!record) co_return std::unexpected(store_failure(record.error()));
  if (auto intact = context_.sealer.verify_association(*record); !intact) {
    co_return std::unexpected(failure(record->grant, TokenProblem::record_damaged, intact.error().what));
  }
  co_return std::move(*record);
}

// --- serving ---

Broker::Answer<GrantToken> Broker::open(const GrantRecord& record, bool refreshed) const {
  auto token = context_.sealer.access_token(record);
  if (!token) return std::unexpected(failure(record.grant, TokenProblem::record_damaged, token.error().what));
  GrantToken answer = answer_of(record.grant, std::move(*token));
  answer.refreshed = refreshed;
  return answer;
}

/// A pair may have come without an access token, or late: it is stored, but there is nothing to hand out.
bool Broker::usable(const Grant& grant) const { return grant.access_expires_at > context_.clock.wall(); }

TokenFailure Broker::flight_failure(const Grant& grant, const FlightResult& result) const {
  if (result.damaged) return failure(grant, TokenProblem::record_damaged, result.detail);
  switch (result.outcome) {
    case RefreshOutcome::refused: {
      const bool over = result.record && result.record->grant.status == GrantStatus::needs_reauth;
      return failure(grant, over ? TokenProblem::needs_reauth : TokenProblem::refresh_refused, result.detail,
                     result.retry_after);
    }
    case RefreshOutcome::suspended:
      return failure(grant, TokenProblem::application_suspended, result.detail, result.retry_after);
    case RefreshOutcome::store_down:
      return failure(grant, TokenProblem::store_unavailable, result.detail, result.retry_after);
    default: return failure(grant, TokenProblem::provider_unavailable, result.detail, result.retry_after);
  }
}

/// A flight of an older version that is just landing brings nothing newer than what was asked about: then it takes one
/// of its own.
Task<Broker::Answer<GrantRecord>> Broker::refreshed(GrantRecord stored, Purpose purpose, Milliseconds patience) {
  for (int round = 1;; ++round) {
    const GrantVersion asked = stored.grant.version;
    Answer<GrantRecord> next = co_await one_flight(std::move(stored), purpose, patience);
    if (!next || next->grant.version != asked || round == kRounds) co_return next;
    stored = std::move(*next);
  }
}

Task<Broker::Answer<GrantRecord>> Broker::one_flight(GrantRecord stored, Purpose purpose, Milliseconds patience) {
  const Grant grant = stored.grant;
  std::optional<FlightResult> result = co_await refresher_.refresh(std::move(stored), purpose, patience);
  if (!result) {
    co_return std::unexpected(
        failure(grant, TokenProblem::provider_unavailable, "the refresh is still under way", seconds(1)));
  }
  if (result->outcome == RefreshOutcome::moved) {
    GrantRef ref{grant.app, grant.id};
    Answer<GrantRecord> newer = co_await load(std::move(ref));
    co_return newer;
  }
  const bool good = result->outcome == RefreshOutcome::refreshed || result->outcome == RefreshOutcome::held;
  if (!good || !result->record) co_return std::unexpected(flight_failure(grant, *result));
  co_return std::move(*result->record);
}

Task<Broker::Answer<GrantToken>> Broker::serve(GrantRecord stored, Milliseconds patience) {
  GrantRecord record = refresher_.overlaid(stored);
  bool rotated = false;
  for (int round = 0; round < kRounds; ++round) {
    switch (decide_serving(record.grant, context_.clock.wall(), policy_.serving)) {
      case Serving::serve: co_return open(record, rotated);
      case Serving::serve_and_refresh: refresher_.start(stored, Purpose::ahead); co_return open(record, rotated);
      case Serving::wait_briefly: {
        GrantRecord copy = stored;
        Answer<GrantRecord> better =
            co_await refreshed(std::move(copy), Purpose::on_demand, std::min(policy_.brief, patience));
        if (better && usable(better->grant)) {
          rotated = rotated || better->grant.version != record.grant.version;
          record = std::move(*better);
        }
        if (usable(record.grant)) co_return open(record, rotated);
        break;
      }
      case Serving::wait: {
        GrantRecord copy = stored;
        Answer<GrantRecord> newer = co_await refreshed(std::move(copy), Purpose::on_demand, patience);
        if (!newer) co_return std::unexpected(std::move(newer.error()));
        rotated = true;
        stored = *newer;
        record = refresher_.overlaid(std::move(*newer));
        break;
      }
      case Serving::needs_reauth:
        co_return std::unexpected(failure(record.grant, TokenProblem::needs_reauth, record.grant.refusals.reason));
      case Serving::revoked: co_return std::unexpected(failure(record.grant, TokenProblem::revoked));
      case Serving::refused:
        co_return std::unexpected(
            failure(record.grant, TokenProblem::refresh_refused, record.grant.refusals.reason, kConfirmAfter));
    }
  }
  co_return std::unexpected(
      failure(record.grant, TokenProblem::provider_unavailable, "no usable access token came", seconds(5)));
}

Task<Broker::Answer<GrantToken>> Broker::get(AppId app, std::string user, std::string vehicle, Milliseconds patience) {
  Answer<GrantRecord> stored = co_await resolve(app, user, vehicle);
  if (stored) {
    Answer<GrantToken> answer = co_await serve(std::move(*stored), patience);
    co_return answer;
  }
  const bool outage = stored.error().problem == TokenProblem::store_unavailable;
  if (!outage || policy_.refuse_on_store_outage) co_return std::unexpected(std::move(stored.error()));
  Answer<GrantToken> remembered = from_memory(app, {user, vehicle});
  if (!remembered) co_return std::unexpected(std::move(stored.error()));
  co_return remembered;
}

/// The store cannot be asked: what is remembered is served until it expires.
Broker::Answer<GrantToken> Broker::from_memory(const AppId& app, Subject subject) const {
  const CachedGrantPtr cached = context_.cache.find(app, subject);
  const bool alive = cached && (cached->status() == GrantStatus::active || cached->status() == GrantStatus::suspect) &&
                     cached->access_expires_at() > context_.clock.wall();
  if (!alive) return std::unexpected(TokenFailure{});
  auto token = context_.cache.open(*cached);
  if (!token) return std::unexpected(TokenFailure{});
  return answer_of(cached->copy(), std::move(*token));
}

Task<Broker::Answer<GrantToken>> Broker::after_refusal(GrantRef ref, GrantVersion refused, std::string vehicle,
                                                       Milliseconds patience) {
  const bool put_off = !refused_vehicles_.may_rotate(ref, vehicle, context_.clock.boot());
  Answer<GrantRecord> stored = co_await load(std::move(ref));
  if (!stored) co_return std::unexpected(std::move(stored.error()));
  GrantRecord record = refresher_.overlaid(*stored);
  const WallTime now = context_.clock.wall();
  const bool newer = record.grant.version != refused;
  const bool young = record.grant.rotated_at && now - *record.grant.rotated_at < policy_.min_interval;
  const bool settled = record.grant.status != GrantStatus::active;
  if (newer || young || settled || put_off) {
    const bool gone = record.grant.status != GrantStatus::active && record.grant.status != GrantStatus::suspect;
    if (gone) {
      const bool reauth = record.grant.status == GrantStatus::needs_reauth;
      co_return std::unexpected(failure(record.grant, reauth ? TokenProblem::needs_reauth : TokenProblem::revoked));
    }
    if (usable(record.grant)) co_return open(record, false);
    Answer<GrantToken> answer = co_await serve(std::move(*stored), patience);
    co_return answer;
  }
  Answer<GrantRecord> next = co_await refreshed(std::move(*stored), Purpose::on_demand, patience);
  if (!next) co_return std::unexpected(std::move(next.error()));
  if (usable(next->grant)) co_return open(*next, true);
  Answer<GrantToken> answer = co_await serve(std::move(*next), patience);
  co_return answer;
}

Task<Broker::Answer<Grant>> Broker::refresh(GrantRef ref, Milliseconds patience) {
  Answer<GrantRecord> stored = co_await load(std::move(ref));
  if (!stored) co_return std::unexpected(std::move(stored.error()));
  const Grant& grant = stored->grant;
  if (grant.status == GrantStatus::revoked || grant.status == GrantStatus::revoking) {
    co_return std::unexpected(failure(grant, TokenProblem::revoked));
  }
  const Milliseconds since = context_.clock.wall() - grant.refusals.last_at;
  if (grant.status == GrantStatus::suspect && since < kConfirmAfter) {
    co_return std::unexpected(
        failure(grant, TokenProblem::refresh_refused, grant.refusals.reason, kConfirmAfter - since));
  }
  Answer<GrantRecord> next = co_await refreshed(std::move(*stored), Purpose::on_demand, patience);
  if (!next) co_return std::unexpected(std::move(next.error()));
  co_return std::move(next->grant);
}

Task<void> Broker::refresh_ahead(GrantRef ref) {
  Answer<GrantRecord> stored = co_await load(std::move(ref));
  if (!stored) co_return;
  const GrantRecord record = refresher_.overlaid(*stored);
  if (decide_serving(record.grant, context_.clock.wall(), policy_.serving) != Serving::serve) {
    refresher_.start(std::move(*stored), Purpose::ahead);
  }
}

}  // namespace keyfob::engine
