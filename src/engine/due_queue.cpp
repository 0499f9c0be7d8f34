#include "engine/due_queue.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace keyfob::engine {
namespace {

constexpr std::size_t kAlways = 2;  // however busy the callers keep us, keep-alive goes on

/// Past its time by a tenth of what is left from there: the background had its chance.
bool is_ending(const Grant& grant, WallTime now) {
  if (grant.status != GrantStatus::active && grant.status != GrantStatus::suspect) return false;
  return !is_provisional(grant) && now > grant.renew_by + (grant.refresh_expires_at - grant.renew_by) / 10;
}

}  // namespace

/// In a steady order.
std::vector<DueQueue::View> DueQueue::applications() const {
  const auto snapshot = parts_.directory.snapshot();
  std::vector<View> views;
  for (const auto& [id, view] : snapshot->applications) views.push_back(view);
  std::ranges::sort(views, {}, [](const View& view) { return view->app().id; });
  return views;
}

// --- claiming ---

/// Applications take turns to be the first, in case that there is not enough for all.
Task<void> DueQueue::serve() {
  const std::vector<View> views = applications();
  const std::size_t busy = parts_.refresher.flights();
  std::size_t budget = std::max(kAlways, policy_.flights - std::min(policy_.flights, busy));
  std::size_t visited = 0;
  while (visited < views.size() && budget > 0) {
    std::vector<DueShare> shares;
    std::size_t asked = 0;
    for (; visited < views.size() && asked < budget; ++visited) {
      const AppId& app = views[next_++ % views.size()]->app().id;
      const std::size_t share = parts_.refresher.gate(app).reserve(budget - asked, context_.clock.boot());
      asked += share;
      if (share > 0) shares.push_back({app, share, (share + 1) / 2});
    }
    if (shares.empty()) continue;
    const std::size_t claimed = co_await claim(std::move(shares));
    budget -= std::min(budget, claimed);
  }
}

/// How many were claimed; what was reserved for more is given back.
Task<std::size_t> DueQueue::claim(std::vector<DueShare> shares) {
  std::unordered_map<AppId, std::size_t> unused;
  for (const DueShare& share : shares) unused[share.app] += share.limit;
  const WallTime now = context_.clock.wall();
  Result<std::vector<GrantRecord>> claimed = co_await parts_.due.claim_due(std::move(shares), now, policy_.hold);
  if (claimed) {
    for (const GrantRecord& record : *claimed) --unused[record.grant.app];
  }
  for (const auto& [app, tokens] : unused) parts_.refresher.gate(app).give_back(tokens);
  if (!claimed) {
    context_.metrics.count("due_claims", "failed");
    co_return 0;
  }
  if (!claimed->empty()) context_.metrics.count("due_claims", "claimed", static_cast<double>(claimed->size()));
  for (GrantRecord& record : *claimed) start(std::move(record));
  co_return claimed->size();
}

/// Nothing here waits for a provider: recovery is on the same loop.
void DueQueue::start(GrantRecord record) {
  const bool waits = is_unconfirmed(record.grant.user);
  if (record.grant.status == GrantStatus::revoking && !waits)
    return retry_revocation({record.grant.app, record.grant.id});
  if (waits) return end_unconfirmed(std::move(record));
  if (is_ending(record.grant, context_.clock.wall())) context_.announcer.expiring(record.grant);
  if (record.grant.attempt) return;  // recovery knows when it may be used again
  const bool usable = record.grant.access_expires_at > context_.clock.wall();
  if (handed_over(record.grant) || (is_provisional(record.grant) && usable)) return ask_whose(std::move(record));
  parts_.refresher.start(std::move(record), Purpose::background);
}

void DueQueue::ask_whose(GrantRecord record) {
  auto ask = [self = shared_from_this(), record = std::move(record)]() mutable -> Task<void> {
    const Result<Grant> settled = co_await self->parts_.consent.identify(std::move(record));
    if (!settled) self->context_.metrics.count("identify_failures");
  };
  asio::co_spawn(context_.executor, std::move(ask), asio::detached);
}

/// A consent that the backend did not confirm in time.
void DueQueue::end_unconfirmed(GrantRecord record) {
  if (parts_.consent.may_wait(record.grant)) return;
  auto end = [self = shared_from_this(), record = std::move(record)]() mutable -> Task<void> {
    GrantRef ref{record.grant.app, record.grant.id};
    std::optional<bool> local = false;
    if (record.grant.status != GrantStatus::revoking)
      local = co_await self->parts_.consent.ends_locally(std::move(record));
    if (!local) co_return;
    GrantRef copy = ref;
    const auto state = co_await self->parts_.revoker.revoke(std::move(copy), *local);
    if (!state || *state != RevokeState::done) co_return;
    const auto dropped = co_await self->parts_.consent.drop(std::move(ref));
    if (!dropped) self->context_.metrics.count("unconfirmed_kept");
  };
  asio::co_spawn(context_.executor, std::move(end), asio::detached);
}

void DueQueue::retry_revocation(GrantRef ref) {
  auto retry = [self = shared_from_this(), ref = std::move(ref)]() -> Task<void> {
    const auto state = co_await self->parts_.revoker.revoke(ref, false);
    if (!state) self->context_.metrics.count("revoke_retries_failed");
  };
  asio::co_spawn(context_.executor, std::move(retry), asio::detached);
}

// --- figures ---

Task<void> DueQueue::report() {
  const BootTime at = context_.clock.boot();
  if (reported_at_ && at - *reported_at_ < policy_.report_every) co_return;
  reported_at_ = at;
  const std::vector<View> views = applications();
  for (const View& view : views) co_await look(view);
  std::erase_if(waiting_, [&](const auto& entry) {
    const auto same = [&](const View& view) { return view->app().id == entry.first; };
    if (std::ranges::any_of(views, same)) return false;
    publish(Waiting{entry.second.name}, entry.first, context_.clock.wall());  // removed: its series end at zero
    return true;
  });
  publish(context_.clock.wall());
}

Task<void> DueQueue::look(View app) {
  const Result<DueOutlook> outlook =
      co_await parts_.due.outlook(app->app().id, context_.clock.wall(), policy_.count_at_most);
  Waiting& waiting = waiting_[app->app().id];
  waiting.name = app->app().name;
  if (!outlook) co_return;
  waiting.oldest_due = outlook->oldest_due;
  waiting.renew_first = outlook->renew_first;
  waiting.due = outlook->due;
}

namespace {

double behind(const std::optional<WallTime>& line, WallTime now) {
  return line && *line < now ? static_cast<double>((now - *line).count()) / 1000.0 : 0.0;
}

}  // namespace

void DueQueue::publish(WallTime now) {
  double keep_alive_lag = 0;
  double due_lag = 0;
  double due = 0;
  for (const auto& [app, waiting] : waiting_) {
    publish(waiting, app, now);
    keep_alive_lag = std::max(keep_alive_lag, behind(waiting.renew_first, now));
    due_lag = std::max(due_lag, behind(waiting.oldest_due, now));
    due += static_cast<double>(waiting.due);
  }
  context_.metrics.gauge("keep_alive_lag_seconds", keep_alive_lag);
  context_.metrics.gauge("due_lag_seconds", due_lag);
  context_.metrics.gauge("due_grants", due);
  context_.metrics.gauge("due_checked_timestamp_seconds", static_cast<double>(to_unix_ms(now)) / 1000.0);
}

void DueQueue::publish(const Waiting& waiting, const AppId& app, WallTime now) {
  const BootTime boot = context_.clock.boot();
  const ApplicationGate& gate = parts_.refresher.gate(app);
  const std::string label = "app=" + waiting.name;
  Metrics& metrics = context_.metrics;
  metrics.gauge("application_keep_alive_lag_seconds", behind(waiting.renew_first, now), label);
  metrics.gauge("application_due_grants", static_cast<double>(waiting.due), label);
  metrics.gauge("application_rate", gate.rate(boot), label);
  metrics.gauge("application_suspended", gate.suspended() ? 1 : 0, label);
  metrics.gauge("application_paused", gate.paused(boot) ? 1 : 0, label);
  metrics.gauge("application_circuit_open", gate.circuit_open() ? 1 : 0, label);
}

// --- plans made by other settings ---

Task<void> DueQueue::review(const bool* stopping) {
  GrantFilter filter;
  filter.limit = std::clamp<std::size_t>(policy_.review_batch, 1, 1000);
  do {
    co_await context_.clock.sleep(seconds(1));
    if (*stopping) co_return;
    GrantFilter copy = filter;
    const Result<GrantPage> page = co_await context_.reader.list(std::move(copy));
    if (!page) continue;
    for (const GrantRecord& record : page->grants) {
      const bool moved = co_await bring_forward(&record);
      if (moved) context_.metrics.count("due_plans_brought_forward");
    }
    filter.cursor = page->next_cursor;
    if (filter.cursor.empty()) break;
  } while (!*stopping);
}

Task<bool> DueQueue::bring_forward(const GrantRecord* record) {
  const Grant& grant = record->grant;
  const GrantRef ref{grant.app, grant.id};
  const auto app = parts_.directory.snapshot()->find(grant.app);
  if (!app || grant.status != GrantStatus::active || parts_.refresher.in_flight(ref)) co_return false;
  const WallTime now = context_.clock.wall();
  PairLife life{grant.access_expires_at, grant.refresh_expires_at, app->profile->refresh_ttl, true};
  if (grant.rotated_at) life.refresh_ttl = grant.refresh_expires_at - *grant.rotated_at;
  const DuePlan plan = plan_due(life, context_.policy.due, now, context_.die());
  if (grant.due_at <= std::max(now, latest_due(life, context_.policy.due, plan.renew_by))) co_return false;
  GrantChange change;
  change.due_at = plan.due_at;
  const auto updated = co_await context_.store.update(ref, grant.version, std::move(change), now);
  co_return updated&& std::holds_alternative<Updated>(*updated);
}

}  // namespace keyfob::engine
