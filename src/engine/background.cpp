#include "engine/background.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace keyfob::engine {
namespace {

constexpr Milliseconds kRecoverAgain = seconds(30);
constexpr std::size_t kRememberedRecoveries = 100'000;

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
  asio::co_spawn(context_.executor, std::move(ticks), asio::detached);
  asio::co_spawn(context_.executor, std::move(changes), asio::detached);
}

Task<void> Background::tick_loop() {
  while (!stopping_) {
    const Result<void> recovered = co_await recover();
    if (recovered) {
      co_await replay_spool();
      co_await serve_due();
      co_await probe_suspended();
    }
    context_.metrics.gauge("flights", static_cast<double>(parts_.refresher.flights()));
    co_await context_.clock.sleep(policy_.recovery_interval);
  }
}

Task<void> Background::change_loop() {
  while (!stopping_) {
    const Result<void> seen = co_await look_for_changes();
    if (!seen) parts_.broker.outage();
    co_await context_.clock.sleep(std::max(Milliseconds(50), policy_.max_staleness / 3));
  }
}

// --- what others changed ---

Task<Result<void>> Background::look_for_changes() {
  const BootTime at = context_.clock.boot();
  std::string cursor = cursor_;
  Result<Changes> changes = co_await parts_.changes.changes_since(std::move(cursor));
  if (!changes) co_return fail(changes.error());
  if (changes->everything) context_.cache.clear();
  for (const ChangedGrant& changed : changes->grants) {
    context_.cache.forget(changed.ref);
    context_.cache.forget_subjects(changed.ref.app, changed.user, changed.vehicles);
  }
  if (changes->directory && !cursor_.empty()) {
    const Result<void> loaded = co_await parts_.directory.load();
    if (!loaded) context_.metrics.count("directory_load_failures");
  }
  cursor_ = std::move(changes->cursor);
  parts_.broker.checked(at);
  co_return Result<void>();
}

// --- recovery ---

/// Where a use after the window may be punished, an old attempt is only worth a try when nothing is left to lose.
bool Background::worth_recovering(const Grant& grant) const {
  const auto app = parts_.directory.snapshot()->find(grant.app);
  if (!app || !grant.attempt) return false;
  const bool inside = grant.attempt->since_first_sent < app->profile->reuse_window;
  if (inside) return true;
  const auto last = recovered_at_.find(grant.id);
  if (last != recovered_at_.end() && context_.clock.boot() - last->second < kRecoverAgain) return false;
  return app->profile->late_reuse || grant.access_expires_at <= context_.clock.wall();
}

Task<Result<void>> Background::recover() {
  const NodeIdentity node = context_.node;
  Result<std::vector<GrantRecord>> abandoned = co_await parts_.due.abandoned(node, policy_.batch);
  if (!abandoned) co_return fail(abandoned.error());
  if (recovered_at_.size() > kRememberedRecoveries) recovered_at_.clear();
  for (GrantRecord& record : *abandoned) {
    const GrantRef ref{record.grant.app, record.grant.id};
    if (parts_.refresher.in_flight(ref) || !worth_recovering(record.grant)) continue;
    recovered_at_[record.grant.id] = context_.clock.boot();
    parts_.refresher.start(std::move(record), Purpose::recovery);
  }
  co_return Result<void>();
}

Task<void> Background::replay_spool() {
  for (SpooledPair& spooled : context_.spool.entries()) {
    if (parts_.refresher.in_flight({spooled.pair.app, spooled.pair.grant})) continue;
    co_await settle_spooled(std::move(spooled));
  }
}

/// A pair in the spool is committed, kept as a late pair, or dropped because its consent was replaced; never forgotten.
Task<void> Background::settle_spooled(SpooledPair spooled) {
  GrantRef ref{spooled.pair.app, spooled.pair.grant};
  Result<GrantRecord> record = co_await context_.reader.load(ref);
  if (!record && record.error().code != ErrorCode::not_found) co_return;
  if (record && record->grant.version == spooled.pair.at && record->grant.status != GrantStatus::revoked) {
    parts_.refresher.start(std::move(*record), Purpose::recovery);
    co_return;
  }
  const bool same_epoch = record && record->grant.version.epoch == spooled.pair.at.epoch;
  if (same_epoch && record->sealed != spooled.pair.sealed) {
    KeptPair pair = spooled.pair;
    const Result<void> kept = co_await context_.late_pairs.keep_late(std::move(pair));
    if (!kept) co_return;
    if (record->grant.status == GrantStatus::needs_reauth || record->grant.status == GrantStatus::suspect) {
      parts_.refresher.start(std::move(*record), Purpose::recovery);
    }
  }
  co_await context_.spool.release(spooled.slot);
  parts_.refresher.reload_held();
}

// --- due grants ---

Task<void> Background::serve_due() {
  const WallTime now = context_.clock.wall();
  std::vector<DueShare> shares;
  const auto directory = parts_.directory.snapshot();
  for (const auto& [app, view] : directory->applications) shares.push_back({app, policy_.batch, policy_.batch / 2});
  Result<std::vector<GrantRecord>> due = co_await parts_.due.claim_due(std::move(shares), now, policy_.hold);
  if (!due) co_return;
  for (GrantRecord& record : *due) co_await serve_one(std::move(record));
}

Task<void> Background::serve_one(GrantRecord record) {
  if (record.grant.status == GrantStatus::revoking) {
    auto retry = [self = shared_from_this(), ref = GrantRef{record.grant.app, record.grant.id}]() -> Task<void> {
      const auto state = co_await self->parts_.revoker.revoke(ref, false);
      if (!state) self->context_.metrics.count("revoke_retries_failed");
    };
    asio::co_spawn(context_.executor, std::move(retry), asio::detached);
    co_return;
  }
  if (is_provisional(record.grant) && record.grant.access_expires_at > context_.clock.wall()) {
    const Result<Grant> settled = co_await parts_.consent.identify(std::move(record));
    if (!settled) context_.metrics.count("identify_failures");
    co_return;
  }
  parts_.refresher.start(std::move(record), Purpose::background);
}

Task<void> Background::probe_suspended() {
  for (const GrantRef& ref : parts_.refresher.due_probes()) {
    Result<GrantRecord> record = co_await context_.reader.load(ref);
    if (record) parts_.refresher.start(std::move(*record), Purpose::background);
  }
}

}  // namespace keyfob::engine
