#include "engine/flight.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "engine/grants.hpp"
#include "engine/random_id.hpp"
#include "vault/sealed_record.hpp"

namespace keyfob::engine {
namespace {

using Kind = RefreshAction::Kind;

// At a strict provider no window says how long an answer is worth reading: it may be the only copy of the pair.
constexpr Milliseconds kReadOn = seconds(60);

}  // namespace

Flight::Flight(Refresher& owner, std::shared_ptr<const ApplicationView> app, GrantRecord record, Purpose purpose)
    : owner_(owner),
      context_(owner.context_),
      app_(std::move(app)),
      record_(std::move(record)),
      at_(record_.grant.version),
      purpose_(purpose),
      key_hold_(context_.directory.hold_key(record_.grant.app)),
      ticket_(owner_.gate(record_.grant.app).ticket(purpose)),
      machine_(context_.policy.timing_for(*app_->profile), app_->has_secret(SecretPurpose::previous_client_secret)),
      mailbox_(context_.executor),
      landed_(context_.executor) {}

void Flight::launch() {
  auto body = [self = shared_from_this()]() -> Task<void> { co_await self->run(); };
  asio::co_spawn(context_.executor, std::move(body), asio::detached);
}

Task<std::optional<FlightResult>> Flight::wait(Milliseconds patience) {
  const auto self = shared_from_this();
  std::function<bool()> ready = [self] { return self->result_.has_value(); };
  const bool landed = co_await landed_.wait(std::move(ready), context_.clock, patience);
  std::optional<FlightResult> result;
  if (landed) result = result_;
  co_return result;
}

Task<void> Flight::run() {
  co_await owner_.gate(record_.grant.app).enter(ticket_, context_.clock);
  Result<void> intact = context_.sealer.verify(record_);
  if (!intact) {
    co_await context_.directory.look_for_new_keys();
    intact = context_.sealer.verify(record_);
  }
  if (!intact) {
    damaged_ = true;
    detail_ = intact.error().what;
    finish({.kind = Kind::finish, .outcome = RefreshOutcome::unavailable});
    --owner_.lingering_;
    co_return;
  }
  const bool spooled = owner_.successor(record_) != nullptr;
  RefreshAction action = machine_.step(refresh::Started{spooled}, context_.clock.boot(), context_.die());
  while (action.kind != Kind::stop) {
    const Event event = co_await carry_out(action);
    action = machine_.step(event, context_.clock.boot(), context_.die());
  }
  co_await release_all();
  --owner_.lingering_;
}

Task<Flight::Event> Flight::carry_out(RefreshAction action) {
  switch (action.kind) {
    case Kind::begin: co_return co_await begin();
    case Kind::exchange: {
      Event event = start_exchange(action);
      if (!std::holds_alternative<refresh::Noted>(event)) co_return event;
      Event next = co_await next_event(action.delay);
      if (std::holds_alternative<refresh::TimerEnded>(next)) provider_failed();  // the deadline T
      co_return next;
    }
    case Kind::await: co_return co_await next_event(action.delay);
    case Kind::commit: co_return co_await commit_exchange(action.exchange);
    case Kind::commit_spooled: co_return co_await commit_spooled();
    case Kind::spool: co_return co_await spool(action.exchange);
    case Kind::keep_late: co_return co_await keep_late(action);
    case Kind::discard: co_return co_await discard(action);
    case Kind::reread: co_return co_await reread(action.disposition);
    case Kind::note_unused: co_return co_await note_unused(action.retry_after);
    case Kind::note_refused: co_return co_await note_refused(action.disposition);
    case Kind::finish: co_return finish(action);
    case Kind::stop: break;
  }
  co_return refresh::TimerEnded{};
}

void Flight::look_again() {
  if (machine_.phase() == RefreshPhase::waiting) mailbox_.nudge();
}

Task<Flight::Event> Flight::next_event(Milliseconds limit) {
  std::optional<Event> event = co_await mailbox_.next(context_.clock, limit);
  co_return event ? *event : Event(refresh::TimerEnded{});
}

// --- begin ---

/// The slot of a use that brought no pair serves the next one: a flight that retries must not fill the spool. When the
/// spool is full, even a use that is still being read gives its slot to the retry, or nobody could ever retry; should
/// both bring a pair, the second asks for a slot then.
Task<Result<void>> Flight::reserve_slot() {
  if (has_reserved_) co_return Result<void>();
  for (Exchange& past : exchanges_) {
    if (!past.answered || !past.slot_taken || past.pair) continue;
    past.slot_taken = false;
    reserved_ = past.slot;
    has_reserved_ = true;
    co_return Result<void>();
  }
  const Result<SpoolSlot> slot = co_await new_slot();
  has_reserved_ = slot.has_value();
  if (slot) reserved_ = *slot;
  for (Exchange& past : exchanges_) {
    if (has_reserved_ || !past.slot_taken || past.pair) continue;
    reserved_ = std::exchange(past.slot, SpoolSlot());
    past.slot_taken = false;
    has_reserved_ = true;
  }
  if (!has_reserved_) co_return fail(slot.error());
  co_return Result<void>();
}

/// A pair that the store has already gives way to one that nobody has.
Task<Result<SpoolSlot>> Flight::new_slot() {
  Result<SpoolSlot> slot = context_.spool.reserve();
  if (slot) co_return slot;
  const bool room = co_await owner_.make_room();
  if (room) slot = context_.spool.reserve();
  co_return slot;
}

Task<Flight::Event> Flight::begin() {
  began_at_ = context_.clock.boot();
  const Result<void> reserved = co_await reserve_slot();
  if (!reserved) {
    detail_ = reserved.error().what;
    co_return refresh::SpoolFull{};
  }
  BeginRequest request;
  request.ref = ref();
  request.at = at_;
  request.attempt = AttemptId(random_id(context_.random, 16));
  request.node = context_.node;
  request.lease = context_.policy.timing.lease;
  request.replaces = attempt_;
  const AttemptId attempt = request.attempt;
  Result<BeginOutcome> outcome = co_await context_.store.begin(std::move(request));
  if (!outcome) {
    detail_ = outcome.error().what;
    damaged_ = damaged_ || outcome.error().code == ErrorCode::damaged;
    if (gone(outcome.error())) co_return refresh::Moved{};
    co_return refresh::StoreFailed{};
  }
  if (const Busy* busy = std::get_if<Busy>(&*outcome)) co_return refresh::Busy{busy->lease_left};
  if (std::holds_alternative<Moved>(*outcome)) co_return refresh::Moved{};
  Begun& begun = std::get<Begun>(*outcome);
  const Attempt& noted = begun.record.grant.attempt.value();
  refresh::Begun event;
  event.since_first_sent = noted.since_first_sent;
  // Also when an attempt of our own went before: another node may have had the token while this one stood still.
  event.taken_over = noted.stranded || (!attempt_ && noted.since_first_sent > Milliseconds(0));
  event.elapsed = context_.clock.boot() - began_at_;
  first_sent_at_ = began_at_ - noted.since_first_sent;
  attempt_ = attempt;
  record_ = std::move(begun.record);
  co_return event;
}

// --- exchange ---

std::optional<TokenRequest> Flight::make_request(const RefreshAction& action) {
  const auto purpose = action.previous_secret ? SecretPurpose::previous_client_secret : SecretPurpose::client_secret;
  auto secret = context_.directory.client_secret(*app_, purpose);
  auto token =
      action.spare_pair && spare_ ? context_.sealer.refresh_token(*spare_) : context_.sealer.refresh_token(record_);
  if (!secret || !token) {
    damaged_ = true;
    detail_ = secret ? token.error().what : secret.error().what;
    return std::nullopt;
  }
  TokenRequest request;
  request.provider = app_->profile->name;
  request.client_id = app_->app().client_id;
  request.client_secret = std::move(*secret);
  request.grant = RefreshGrant{std::move(*token)};
  return request;
}

/// Noted means: on its way; anything else is what came of it at once.
Flight::Event Flight::start_exchange(const RefreshAction& action) {
  const auto snapshot = context_.directory.snapshot();
  if (auto latest = snapshot->find(record_.grant.app)) app_ = latest;
  Exchange& exchange_state = exchanges_.emplace_back();
  exchange_state.slot = reserved_;
  exchange_state.slot_taken = has_reserved_;
  has_reserved_ = false;
  exchange_state.replaces = context_.sealer.mark(record_);
  if (action.spare_pair) exchange_state.spare = spare_;
  auto request = make_request(action);
  exchange_state.answered = !request;
  if (!request) return refresh::Answered{.exchange = action.exchange, .disposition = Disposition::unsent};
  const BootTime timeout = began_at_ + context_.policy.timing.timeout;
  const ExchangeLimits limits{timeout, std::max(machine_.window_end(), timeout + kReadOn)};
  auto body = [self = shared_from_this(), number = action.exchange, request = std::move(*request),
               limits]() mutable -> Task<void> { co_await self->exchange(number, std::move(request), limits); };
  asio::co_spawn(context_.executor, std::move(body), asio::detached);
  return refresh::Noted{};
}

Task<void> Flight::exchange(ExchangeNumber number, TokenRequest request, ExchangeLimits limits) {
  const BootTime started = context_.clock.boot();
  const WallTime sent_at = context_.clock.wall() - (started - first_sent_at_);
  TokenAnswer answer = co_await context_.endpoint.exchange(std::move(request), limits);
  context_.metrics.observe("exchange_duration", context_.clock.boot() - started);
  context_.metrics.count("exchanges", to_string(answer.disposition));
  provider_answered(answer);
  mailbox_.post(answered(number, std::move(answer), sent_at));
}

/// Keep, then judge: whatever tokens came are sealed at once; the plaintext ends here.
Flight::Event Flight::answered(ExchangeNumber number, TokenAnswer answer, WallTime sent_at) {
  refresh::Answered event;
  exchanges_[number].answered = true;
  event.exchange = number;
  event.disposition = answer.disposition;
  event.has_refresh = answer.refresh && !answer.refresh->empty();
  event.has_access = answer.access && !answer.access->empty();
  event.retry_after = answer.retry_after;
  if (!answer.detail.empty()) detail_ = answer.detail;
  if (!event.has_refresh && answer.disposition != Disposition::done) return event;
  auto pair = seal_answer(std::move(answer), exchanges_[number], sent_at);
  if (pair) {
    exchanges_[number].pair = std::move(*pair);
  } else {
    detail_ = pair.error().what;
    event.has_refresh = false;
    event.disposition = Disposition::unknown;
  }
  return event;
}

Result<KeptPair> Flight::seal_answer(TokenAnswer answer, const Exchange& of, WallTime sent_at) {
  TokenPair pair;
  if (answer.access) pair.access = std::move(*answer.access);
  if (answer.refresh && !answer.refresh->empty()) {
    pair.refresh = std::move(*answer.refresh);
  } else {
    // RFC 6749 section 6: no new one means that the one that was sent stays.
    auto old = of.spare ? context_.sealer.refresh_token(*of.spare) : context_.sealer.refresh_token(record_);
    if (!old) return fail(old.error());
    pair.refresh = std::move(*old);
  }
  const ProviderProfile& profile = *app_->profile;
  KeptPair kept;
  kept.app = record_.grant.app;
  kept.grant = record_.grant.id;
  kept.at = at_;
  // Without an access token it is over on every node, however far their clocks are apart.
  const bool usable = !pair.access.empty();
  kept.access_expires_at = usable ? sent_at + answer.expires_in.value_or(profile.access_ttl) : WallTime();
  kept.refresh_expires_at = sent_at + answer.refresh_expires_in.value_or(profile.refresh_ttl);
  kept.received_at = context_.clock.wall();
  kept.scope = std::move(answer.scope);
  kept.replaces = of.replaces;
  auto sealed = context_.sealer.seal(kept.app, kept.grant, {at_.generation.next(), at_.epoch}, pair);
  if (!sealed) return fail(sealed.error());
  const auto key = vault::data_key_of(sealed->refresh);
  if (key) kept.data_key = *key;
  kept.sealed = std::move(*sealed);
  return kept;
}

void Flight::provider_answered(const TokenAnswer& answer) {
  ApplicationGate& gate = owner_.gate(record_.grant.app);
  const BootTime now = context_.clock.boot();
  switch (answer.disposition) {
    case Disposition::throttled:
      gate.slow_down(now, now + std::min<Milliseconds>(answer.retry_after.value_or(seconds(1)), minutes(10)));
      break;
    case Disposition::done:
    case Disposition::refused:
      if (gate.resume()) context_.emit("application.resumed", record_.grant);
      context_.announcer.accepted(record_.grant.app);
      gate.answered();
      break;
    case Disposition::configuration:  // a second choice may still work; finish() suspends when none does
    case Disposition::suspicious: gate.answered(); break;
    case Disposition::unknown:
    case Disposition::unsent:
    case Disposition::transient: provider_failed(); break;
  }
}

void Flight::provider_failed() {
  ApplicationGate& gate = owner_.gate(record_.grant.app);
  const bool before = gate.circuit_open();
  gate.failed(context_.clock.boot(), record_.grant.id.view(), context_.die());
  if (!before && gate.circuit_open()) context_.metrics.count("circuits_opened");
}

// --- storing ---

Task<Flight::Event> Flight::commit(KeptPair pair) {
  CommitRequest request;
  request.pair = pair;
  request.rotated_at = pair.received_at;
  const PairLife life{pair.access_expires_at, pair.refresh_expires_at};
  const DuePlan plan = plan_due(life, context_.policy.due, context_.clock.wall(), context_.die());
  request.due_at = plan.due_at;
  if (is_provisional(record_.grant)) {  // whose it is has to be asked still, while the access token lasts
    const WallTime now = context_.clock.wall();
    request.due_at = now + std::clamp((pair.access_expires_at - now) / 2, Milliseconds(0), kIdentifyAfter);
  }
  request.renew_by = plan.renew_by;
  request.node = context_.node;
  Grant after = record_.grant;
  after.status = GrantStatus::active;
  after.refresh_expires_at = pair.refresh_expires_at;
  request.notices =
      context_.announcer.notice("grant.recovered", after, {GrantStatus::suspect, GrantStatus::needs_reauth});
  Result<CommitOutcome> outcome = co_await context_.store.commit(std::move(request));
  if (!outcome) {
    detail_ = outcome.error().what;
    if (gone(outcome.error())) co_return refresh::CommitMoved{.ours = false, .same_epoch = false};
    context_.metrics.count("commit_failures");
    co_return refresh::CommitFailed{};
  }
  if (Committed* committed_now = std::get_if<Committed>(&*outcome)) {
    committed(std::move(committed_now->record));
    co_return refresh::Committed{};
  }
  Moved& moved = std::get<Moved>(*outcome);
  const bool ours = context_.sealer.holds(moved.record, pair);
  const bool same_epoch = moved.record.grant.version.epoch == pair.at.epoch;
  if (ours) committed(std::move(moved.record));
  co_return refresh::CommitMoved{ours, same_epoch};
}

void Flight::committed(GrantRecord record) {
  const GrantStatus before = record_.grant.status;
  record_ = std::move(record);
  context_.cache.update(record_);
  context_.metrics.count("refreshes", "committed");
  context_.emit("grant.refreshed", record_.grant);
  if (before == GrantStatus::suspect || before == GrantStatus::needs_reauth)
    context_.emit("grant.recovered", record_.grant);
}

/// Where a store may forget commits, the same version can be of another line by now: refreshed anew from an older state
/// while this answer was on its way. Its pair is not written over; ours is kept beside it.
Task<bool> Flight::line_changed(KeptPair pair) {
  if (!owner_.retention().on()) co_return false;
  const Result<GrantRecord> record = co_await context_.reader.load(ref());
  co_return record && record->grant.version == pair.at && !context_.sealer.follows(pair, *record);
}

Task<Flight::Event> Flight::commit_exchange(ExchangeNumber number) {
  KeptPair pair = exchanges_[number].pair.value();
  const bool other_line = co_await line_changed(pair);
  if (other_line) co_return refresh::CommitMoved{.ours = false, .same_epoch = true};
  Event event = co_await commit(std::move(pair));
  const refresh::CommitMoved* moved = std::get_if<refresh::CommitMoved>(&event);
  const bool stored = std::holds_alternative<refresh::Committed>(event) || (moved != nullptr && moved->ours);
  if (stored) {
    co_await release_slot(number);
    const Exchange& done = exchanges_[number];
    if (done.in_spool) owner_.retention().keeps({done.slot, *done.pair}, context_.clock.boot());
    if (spare_) {
      KeptPair used = *spare_;
      const auto dropped = co_await context_.late_pairs.drop_late(std::move(used));
      if (!dropped) context_.metrics.count("late_pair_leftovers");
    }
  }
  co_return event;
}

Task<Flight::Event> Flight::commit_spooled() {
  const SpooledPair* spooled = owner_.successor(record_);
  if (spooled == nullptr) co_return refresh::CommitFailed{};
  const SpooledPair copy = *spooled;
  offered_ = copy;
  KeptPair pair = copy.pair;
  const bool other_line = co_await line_changed(pair);
  if (other_line) co_return refresh::CommitMoved{.ours = false, .same_epoch = true};
  Event event = co_await commit(std::move(pair));
  const refresh::CommitMoved* moved = std::get_if<refresh::CommitMoved>(&event);
  const bool stored = std::holds_alternative<refresh::Committed>(event) || (moved != nullptr && moved->ours);
  if (stored && !owner_.retention().keeps(copy, context_.clock.boot())) co_await owner_.release_spooled(copy);
  co_return event;
}

Task<Flight::Event> Flight::spool(ExchangeNumber number) {
  if (!exchanges_[number].in_spool) {
    const Result<void> kept = co_await keep_in_spool(number);
    context_.metrics.count("spooled", kept ? "kept" : "failed");
    if (!kept) {
      detail_ = kept.error().what;
      co_return refresh::Kept{false};
    }
  }
  // Before the store was asked, nobody is served from here: somebody else's pair may win.
  if (machine_.phase() != RefreshPhase::spooling) context_.cache.update(owner_.overlaid(record_));
  co_return refresh::Kept{true};
}

/// The spool owns the slot then.
Task<Result<void>> Flight::keep_in_spool(ExchangeNumber number) {
  if (!exchanges_[number].slot_taken) {
    const Result<SpoolSlot> late_slot = co_await new_slot();
    if (!late_slot) co_return fail(late_slot.error());
    exchanges_[number].slot = *late_slot;
    exchanges_[number].slot_taken = true;
  }
  KeptPair pair = exchanges_[number].pair.value();
  const SpoolSlot slot = exchanges_[number].slot;
  const Result<void> kept = co_await context_.spool.keep(slot, std::move(pair));
  if (!kept) co_return kept;
  exchanges_[number].slot_taken = false;
  exchanges_[number].in_spool = true;
  owner_.reload_held();
  co_return kept;
}

const KeptPair* Flight::pair_of(const RefreshAction& action) const {
  if (action.spooled) return offered_ ? &offered_->pair : nullptr;
  return exchanges_[action.exchange].pair ? &*exchanges_[action.exchange].pair : nullptr;
}

Task<Flight::Event> Flight::keep_late(RefreshAction action) {
  const KeptPair* pair = pair_of(action);
  if (pair == nullptr || context_.sealer.holds(record_, *pair)) co_return refresh::Kept{true};
  KeptPair copy = *pair;
  const Result<void> kept = co_await context_.late_pairs.keep_late(std::move(copy));
  context_.metrics.count("late_pairs", kept ? "kept" : "failed");
  const bool stays = kept && action.spooled && owner_.retention().keeps(offered_.value(), context_.clock.boot());
  if (kept && !stays) co_await release(action);
  co_return refresh::Kept{kept.has_value()};
}

/// The consent was replaced: this pair must never be stored. It is revoked where a token can be revoked alone (RFC
/// 7009).
Task<Flight::Event> Flight::discard(RefreshAction action) {
  const KeptPair* pair = pair_of(action);
  if (pair != nullptr && !app_->profile->revoke.revocation_url.empty()) {
    auto refresh_token = context_.sealer.refresh_token(*pair);
    auto secret = context_.directory.client_secret(*app_, SecretPurpose::client_secret);
    if (refresh_token && secret) {
      ProviderApi::Revocation revocation;
      revocation.provider = app_->profile->name;
      revocation.client_id = app_->app().client_id;
      revocation.client_secret = std::move(*secret);
      revocation.pair.refresh = std::move(*refresh_token);
      const Result<void> revoked = co_await context_.provider.revoke(std::move(revocation));
      context_.metrics.count("discarded_pairs", revoked ? "revoked" : "not_revoked");
    }
  }
  co_await release(action);
  if (!action.spooled && exchanges_[action.exchange].in_spool) {
    SpooledPair replaced{exchanges_[action.exchange].slot, exchanges_[action.exchange].pair.value()};
    co_await owner_.release_spooled(std::move(replaced));
  }
  co_return refresh::Kept{true};
}

Task<void> Flight::release(const RefreshAction& action) {
  if (!action.spooled) {
    co_await release_slot(action.exchange);
    co_return;
  }
  if (!offered_) co_return;
  SpooledPair settled = *offered_;
  co_await owner_.release_spooled(std::move(settled));
}

Task<void> Flight::release_slot(ExchangeNumber number) {
  if (!exchanges_[number].slot_taken) co_return;
  exchanges_[number].slot_taken = false;
  const SpoolSlot slot = exchanges_[number].slot;
  co_await context_.spool.release(slot);
}

Task<void> Flight::release_all() {
  for (ExchangeNumber number = 0; number < exchanges_.size(); ++number) co_await release_slot(number);
  if (has_reserved_) co_await context_.spool.release(reserved_);
  has_reserved_ = false;
}

}  // namespace keyfob::engine
