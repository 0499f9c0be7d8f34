// The part of a Flight that deals with refusals, and its landing.
#include <algorithm>

#include "core/refusal.hpp"
#include "engine/flight.hpp"

namespace keyfob::engine {

/// A late pair, or a pair that this node's spool holds, may open what the current one does not.
Task<Flight::Event> Flight::reread(Disposition disposition) {
  const GrantRef here = ref();
  Result<GrantRecord> loaded = co_await context_.reader.load(here);
  if (!loaded && gone(loaded.error())) co_return refresh::Reread{.moved = true};
  if (!loaded) co_return refresh::StoreFailed{};
  if (loaded->grant.version != at_) co_return refresh::Reread{.moved = true};
  record_ = std::move(*loaded);
  Result<std::vector<KeptPair>> late = co_await context_.late_pairs.late(here, at_.epoch);
  if (!late) co_return refresh::StoreFailed{};
  std::vector<KeptPair> candidates = std::move(*late);
  for (const SpooledPair& spooled : owner_.held_of(here, at_.epoch)) candidates.push_back(spooled.pair);
  std::ranges::stable_sort(candidates, std::greater<>(), [](const KeptPair& pair) { return pair.at; });
  // A pair older than the stored one has been outlived. It is the last resort when that one is known to be dead, but
  // not where late uses are punished: there it may cost the whole family.
  const bool known_dead = record_.grant.status == GrantStatus::needs_reauth && disposition == Disposition::refused;
  const bool last_resort = app_->profile->late_reuse && known_dead;
  spare_.reset();
  for (KeptPair& candidate : candidates) {
    if (candidate.at.generation.next() < at_.generation && !last_resort) continue;
    const bool tried = std::ranges::find(tried_, candidate.sealed.refresh) != tried_.end();
    if (tried || context_.sealer.holds(record_, candidate)) continue;
    tried_.push_back(candidate.sealed.refresh);
    spare_ = std::move(candidate);
    break;
  }
  co_return refresh::Reread{.moved = false, .spare_pair = spare_.has_value()};
}

/// A grant that the queue had claimed comes back when it makes sense again, each at a time of its own.
Task<Flight::Event> Flight::note_unused(Milliseconds retry_after) {
  GrantChange change;
  change.clear_attempt = attempt_;
  const WallTime now = context_.clock.wall();
  if (purpose_ == Purpose::background) {
    const Milliseconds wait = owner_.retries().failed(record_.grant.id, context_.clock.boot(), context_.die());
    change.due_at = now + std::max(wait, retry_after);
  }
  const GrantRef here = ref();
  Result<UpdateOutcome> outcome = co_await context_.store.update(here, at_, std::move(change), now);
  if (!outcome && gone(outcome.error())) co_return refresh::Moved{};
  if (!outcome) co_return refresh::StoreFailed{};
  if (std::holds_alternative<Moved>(*outcome)) co_return refresh::Moved{};
  attempt_.reset();
  co_return refresh::Noted{};
}

Task<Flight::Event> Flight::note_refused(Disposition disposition) {
  const GrantRef here = ref();
  const WallTime now = context_.clock.wall();
  Result<RefreshHealth> health = co_await context_.health.health(here, now - kHealthWindow);
  if (!health) co_return refresh::StoreFailed{};
  const bool counted = record_.grant.refusals.count > 0 && now - record_.grant.refusals.last_at < kHealthWindow;
  RefusalFacts facts;
  facts.status = record_.grant.status;
  facts.before = record_.grant.refusals;
  facts.certain = disposition == Disposition::refused;
  facts.stranded = record_.grant.attempt && record_.grant.attempt->stranded.has_value();
  facts.outcome_unknown = machine_.outcome_unknown();
  facts.other_refreshed = health->other_refreshed;
  facts.refreshed = health->refreshed;
  facts.refused_grants = health->refused_grants - (counted && health->refused_grants > 0 ? 1 : 0);
  const RefusalVerdict verdict = judge_refusal(facts, now);
  GrantChange change;
  change.status = verdict.status;
  change.refusals = verdict.refusals;
  change.clear_attempt = attempt_;
  const Milliseconds spread = verdict.next_look / 10;  // those who were refused together are not asked together
  change.due_at = now + verdict.next_look + Milliseconds(context_.die() % (spread.count() + 1));
  change.notices = notices_of(verdict);
  Result<UpdateOutcome> outcome = co_await context_.store.update(here, at_, std::move(change), now);
  if (!outcome && gone(outcome.error())) co_return refresh::Moved{};
  if (!outcome) co_return refresh::StoreFailed{};
  if (std::holds_alternative<Moved>(*outcome)) co_return refresh::Moved{};
  const GrantStatus before = record_.grant.status;
  record_ = std::get<Updated>(std::move(*outcome)).record;
  context_.cache.update(record_);
  tell(verdict, before);
  co_return refresh::Noted{};
}

std::vector<Notice> Flight::notices_of(const RefusalVerdict& verdict) const {
  using enum GrantStatus;
  Grant after = record_.grant;
  after.status = verdict.status;
  if (verdict.status == suspect) {
    return context_.announcer.notice("grant.suspect", after, {active}, verdict.refusals.reason);
  }
  if (verdict.status == needs_reauth) {
    return context_.announcer.notice("grant.needs_reauth", after, {active, suspect}, verdict.refusals.reason);
  }
  return {};
}

void Flight::tell(const RefusalVerdict& verdict, GrantStatus before) {
  context_.metrics.count("refusals", verdict.refusals.reason);
  if (verdict.burst) {
    owner_.burst(record_.grant.app, context_.clock.wall());
    context_.announcer.refusals(record_.grant.app);
    context_.emit("application.refusals", record_.grant, detail_);
  }
  if (verdict.confirmed) {
    context_.emit("grant.needs_reauth", record_.grant, verdict.refusals.reason);
    if (verdict.refusals.after_unknown) context_.metrics.count("rotation_lost");
  } else if (before == GrantStatus::active && verdict.status == GrantStatus::suspect) {
    context_.emit("grant.suspect", record_.grant, verdict.refusals.reason);
  }
}

Flight::Event Flight::finish(const RefreshAction& action) {
  FlightResult result;
  result.outcome = action.outcome;
  result.damaged = damaged_;
  result.retry_after = action.retry_after;
  result.detail = detail_;
  if (action.outcome == RefreshOutcome::held) {
    result.record = owner_.overlaid(record_);
  } else if (action.outcome == RefreshOutcome::refreshed || action.outcome == RefreshOutcome::refused) {
    result.record = record_;
  }
  ApplicationGate& gate = owner_.gate(record_.grant.app);
  if (action.outcome == RefreshOutcome::suspended && gate.suspend(context_.clock.boot(), app_->app().revision)) {
    owner_.remember_probe(ref());
    context_.announcer.suspended(record_.grant.app);
    context_.emit("application.suspended", record_.grant, detail_);
  }
  if (action.outcome == RefreshOutcome::refreshed) owner_.succeeded(ref());
  if (action.outcome == RefreshOutcome::unavailable && attempt_) {
    owner_.retries().failed(record_.grant.id, context_.clock.boot(), context_.die());
  }
  context_.metrics.count("flights", outcome_name(action.outcome));
  result_ = std::move(result);
  owner_.landed(*this);
  ++owner_.lingering_;
  gate.leave(*ticket_);
  landed_.notify();
  return refresh::Noted{};
}

}  // namespace keyfob::engine
