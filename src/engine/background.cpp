#include "engine/background.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace keyfob::engine {
namespace {

bool can_ask(const Grant& grant) {
  const bool refreshable = grant.status == GrantStatus::active || grant.status == GrantStatus::suspect;
  return refreshable && !is_provisional(grant);
}

}  // namespace

Task<Result<void>> Background::first_round() {
  parts_.refresher.reload_held();
  Result<void> seen = co_await look_for_changes();
  if (!seen) co_return seen;
  Result<void> recovered = co_await recover();
  if (!recovered) co_return recovered;
  co_await replay_spool();
  co_return Result<void>();
}

void Background::launch() {
  auto ticks = [self = shared_from_this()]() -> Task<void> { co_await self->tick_loop(); };
  auto changes = [self = shared_from_this()]() -> Task<void> { co_await self->change_loop(); };
  auto review = [self = shared_from_this()]() -> Task<void> { co_await self->due_->review(&self->stopping_); };
  asio::co_spawn(context_.executor, std::move(ticks), asio::detached);
  asio::co_spawn(context_.executor, std::move(changes), asio::detached);
  asio::co_spawn(context_.executor, std::move(review), asio::detached);
}

Task<void> Background::tick_loop() {
  while (!stopping_) {
    const Result<void> recovered = co_await recover();
    if (recovered) {
      co_await replay_spool();
      co_await parts_.refresher.thin_out();
      co_await due_->serve();
      co_await probe_suspended();
    }
    co_await due_->report();
    context_.metrics.gauge("flights", static_cast<double>(parts_.refresher.flights()));
    context_.metrics.gauge("spool_pairs", static_cast<double>(parts_.refresher.unstored()));
    context_.metrics.gauge("cache_entries", static_cast<double>(context_.cache.size()));
    co_await context_.clock.sleep(policy_.recovery_interval);
  }
}

Task<void> Background::change_loop() {
  while (!stopping_) {
    const Result<void> seen = co_await look_for_changes();
    if (!seen) parts_.broker.outage();
    std::function<bool()> ready = [this] { return has_news_; };
    co_await news_.wait(std::move(ready), context_.clock, std::max(Milliseconds(50), policy_.max_staleness / 3));
    has_news_ = false;
  }
}

void Background::look_now() {
  has_news_ = true;
  news_.notify();
}

// --- what others changed ---

Task<Result<void>> Background::look_for_changes() {
  const BootTime at = context_.clock.boot();
  std::string cursor = cursor_;
  Result<Changes> changes = co_await parts_.changes.changes_since(std::move(cursor));
  if (!changes) co_return fail(changes.error());
  if (changes->everything) {
    context_.cache.clear();
    parts_.refresher.retention().look_at_all();
  }
  for (const ChangedGrant& changed : changes->grants) {
    context_.cache.forget(changed.ref);
    context_.cache.forget_subjects(changed.ref.app, changed.user, changed.vehicles);
    parts_.refresher.changed_elsewhere(changed.ref);
  }
  directory_stale_ = directory_stale_ || (changes->directory && !cursor_.empty());
  if (directory_stale_) {
    const Result<void> loaded = co_await parts_.directory.load();
    if (!loaded) context_.metrics.count("directory_load_failures");
    directory_stale_ = !loaded;
  }
  cursor_ = std::move(changes->cursor);
  parts_.broker.checked(at);
  co_return Result<void>();
}

// --- recovery ---

/// Inside the window recovery goes ahead of all else; a provider that asked for patience gets half of it.
bool Background::recover_now(const Grant& grant, const ApplicationView& app) const {
  const Milliseconds since = grant.attempt->since_first_sent;
  if (since >= app.profile->reuse_window) return false;
  return !parts_.refresher.gate(grant.app).paused(context_.clock.boot()) || since >= app.profile->reuse_window / 2;
}

/// Where a use after the window may be punished, an old attempt is only worth a try when nothing is left to lose. It is
/// in no hurry any more: it has its turn like everybody in the background.
bool Background::recover_late(const Grant& grant, const ApplicationView& app) const {
  if (grant.attempt->since_first_sent < app.profile->reuse_window) return false;
  if (!app.profile->late_reuse && grant.access_expires_at > context_.clock.wall()) return false;
  const BootTime now = context_.clock.boot();
  return parts_.refresher.retries().may_try(grant.id, now) && parts_.refresher.gate(grant.app).reserve(1, now) == 1;
}

Task<Result<void>> Background::recover() {
  const NodeIdentity node = context_.node;
  Result<std::vector<GrantRecord>> abandoned = co_await parts_.due.abandoned(node, policy_.batch);
  if (!abandoned) co_return fail(abandoned.error());
  const auto directory = parts_.directory.snapshot();
  for (GrantRecord& record : *abandoned) {
    const GrantRef ref{record.grant.app, record.grant.id};
    const auto app = directory->find(ref.app);
    if (!app || !record.grant.attempt || parts_.refresher.in_flight(ref)) continue;
    if (recover_now(record.grant, *app)) {
      parts_.refresher.start(std::move(record), Purpose::recovery);
    } else if (recover_late(record.grant, *app)) {
      parts_.refresher.start(std::move(record), Purpose::background);
    }
  }
  co_return Result<void>();
}

Task<void> Background::replay_spool() {
  for (SpooledPair& spooled : context_.spool.entries()) {
    if (parts_.refresher.in_flight({spooled.pair.app, spooled.pair.grant})) continue;
    if (!parts_.refresher.retention().wants_look(spooled, context_.clock.boot())) continue;
    co_await settle_spooled(std::move(spooled));
  }
}

/// A pair in the spool is committed, kept as a late pair, or dropped because its consent was replaced; never forgotten.
/// One that the store had is committed again when the store has fallen back to its version, and shown to the other
/// nodes as a late pair when it has fallen back further.
Task<void> Background::settle_spooled(SpooledPair spooled) {
  GrantRef ref{spooled.pair.app, spooled.pair.grant};
  Result<GrantRecord> record = co_await context_.reader.load(ref);
  if (!record && record.error().code != ErrorCode::not_found) co_return;
  SpoolRetention& retention = parts_.refresher.retention();
  const SpooledPair* next = record ? parts_.refresher.successor(*record) : nullptr;
  const bool follows = next != nullptr && next->slot == spooled.slot;
  if (follows && record->grant.status != GrantStatus::revoked) {
    retention.forget(spooled.slot);
    parts_.refresher.start(std::move(*record), Purpose::recovery);
    co_return;
  }
  const bool same_epoch = record && record->grant.version.epoch == spooled.pair.at.epoch;
  const bool outlived = same_epoch && record->grant.version.generation > spooled.pair.at.generation.next();
  const bool done = outlived && retention.settled(spooled);
  if (same_epoch && !done && !context_.sealer.holds(*record, spooled.pair)) {
    KeptPair pair = spooled.pair;
    const Result<void> kept = co_await context_.late_pairs.keep_late(std::move(pair));
    if (!kept) co_return;
    if (record->grant.status == GrantStatus::needs_reauth || record->grant.status == GrantStatus::suspect) {
      parts_.refresher.start(std::move(*record), Purpose::recovery);
    }
  }
  // An older epoch than the pair's: the store has forgotten a consent, and may yet be shown a newer state of itself.
  const bool consent_forgotten = record && record->grant.version.epoch < spooled.pair.at.epoch;
  if ((same_epoch || consent_forgotten) && retention.keeps(spooled, context_.clock.boot())) co_return;
  co_await parts_.refresher.release_spooled(std::move(spooled));
}

// --- suspended applications ---

Task<void> Background::probe_suspended() {
  for (const GrantRef& ref : parts_.refresher.due_probes()) {
    Result<GrantRecord> record = co_await context_.reader.load(ref);
    if (!record && record.error().code != ErrorCode::not_found) continue;
    if (!record || !can_ask(record->grant)) record = co_await another_probe(ref.app);
    if (record) parts_.refresher.start(std::move(*record), Purpose::background);
  }
}

/// The grant by which the application was suspended was revoked meanwhile, or is gone: another one asks from now on.
Task<Result<GrantRecord>> Background::another_probe(AppId app) {
  GrantFilter filter;
  filter.app = std::move(app);
  filter.status = GrantStatus::active;
  Result<GrantPage> page = co_await context_.reader.list(std::move(filter));
  if (!page) co_return fail(page.error());
  const auto other = std::ranges::find_if(page->grants, can_ask, &GrantRecord::grant);
  if (other == page->grants.end()) co_return fail(ErrorCode::not_found, "no grant is left that could ask");
  parts_.refresher.remember_probe({other->grant.app, other->grant.id});
  co_return std::move(*other);
}

}  // namespace keyfob::engine
