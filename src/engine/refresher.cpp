#include "engine/refresher.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/in_flight_limit.hpp"
#include "core/refusal.hpp"
#include "engine/flight.hpp"

namespace keyfob::engine {

std::uint32_t RefreshContext::die() const {
  std::array<std::uint8_t, 4> bytes{};
  random.fill(bytes);
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

void RefreshContext::emit(std::string name, const Grant& grant, std::string detail) const {
  Event event;
  event.name = std::move(name);
  event.app = grant.app;
  event.grant = grant.id;
  event.user = grant.user;
  event.vehicles = grant.vehicles;
  event.detail = std::move(detail);
  event.at = clock.wall();
  events.emit(event);
  announcer.news();
}

RefreshTiming RefreshPolicy::timing_for(const ProviderProfile& profile) const {
  RefreshTiming out = timing;
  out.reuse_window = profile.reuse_window;
  out.late_reuse = profile.late_reuse;
  out.spool_first = spool_for > Milliseconds(0);
  return out;
}

Refresher::Started Refresher::ensure(GrantRecord record, Purpose purpose) {
  const GrantId id = record.grant.id;
  if (const auto it = flights_.find(id); it != flights_.end()) {
    it->second->promote(purpose);
    return {it->second};
  }
  const auto app = context_.directory.snapshot()->find(record.grant.app);
  if (!app) return {nullptr, {RefreshOutcome::unavailable, seconds(1)}};
  const auto refusal =
      gate(record.grant.app).admit(purpose, context_.clock.boot(), app->app().revision, context_.die());
  if (refusal) return {nullptr, *refusal};
  const auto flight = std::make_shared<Flight>(*this, app, std::move(record), purpose);
  flights_.emplace(id, flight);
  flight->launch();
  return {flight};
}

Task<std::optional<FlightResult>> Refresher::refresh(GrantRecord record, Purpose purpose, Milliseconds patience) {
  const Started started = ensure(std::move(record), purpose);
  if (!started.flight) {
    FlightResult result;
    result.outcome = started.refusal.outcome;
    result.retry_after = started.refusal.retry_after;
    co_return result;
  }
  const std::shared_ptr<Flight> flight = started.flight;
  std::optional<FlightResult> result = co_await flight->wait(patience);
  co_return result;
}

void Refresher::start(GrantRecord record, Purpose purpose) { ensure(std::move(record), purpose); }

void Refresher::changed_elsewhere(const GrantRef& ref) {
  if (const auto it = flights_.find(ref.grant); it != flights_.end()) it->second->look_again();
}

void Refresher::landed(const Flight& flight) {
  const auto it = flights_.find(flight.ref().grant);
  if (it != flights_.end() && it->second.get() == &flight) flights_.erase(it);
}

ApplicationGate& Refresher::gate(const AppId& app) {
  auto& gate = gates_[app];
  if (gate) return *gate;
  GateLimits limits = context_.policy.gate;
  if (const auto view = context_.directory.snapshot()->find(app)) {
    limits.max_in_flight =
        in_flight_limit(limits.max_in_flight, limits.max_recovering, context_.policy.timing_for(*view->profile),
                        context_.policy.recovery_interval);
  }
  gate = std::make_unique<ApplicationGate>(context_.executor, limits);
  return *gate;
}

std::vector<AppId> Refresher::suspended() const {
  std::vector<AppId> apps;
  for (const auto& [app, gate] : gates_) {
    if (gate->suspended()) apps.push_back(app);
  }
  return apps;
}

std::vector<GrantRef> Refresher::due_probes() {
  std::vector<GrantRef> due;
  const auto snapshot = context_.directory.snapshot();
  for (const auto& [app, ref] : probes_) {
    const auto view = snapshot->find(app);
    if (view && gate(app).probe_due(context_.clock.boot(), view->app().revision)) due.push_back(ref);
  }
  return due;
}

void Refresher::burst(const AppId& app, WallTime now) { bursts_.try_emplace(app, now); }

void Refresher::succeeded(const GrantRef& ref) {
  const AppId& app = ref.app;
  retries_.succeeded(ref.grant);
  probes_.erase(app);
  const auto it = bursts_.find(app);
  if (it == bursts_.end()) return;
  const WallTime since = it->second - kHealthWindow;
  bursts_.erase(it);
  auto take_back = [this, app, since]() -> Task<void> {
    const WallTime due = context_.clock.wall() + seconds(1);
    const auto reopened = co_await context_.health.reopen_refused(app, since, due);
    if (reopened && *reopened > 0) context_.cache.clear();
  };
  asio::co_spawn(context_.executor, std::move(take_back), asio::detached);
}

std::string_view outcome_name(RefreshOutcome outcome) {
  switch (outcome) {
    case RefreshOutcome::refreshed: return "refreshed";
    case RefreshOutcome::moved: return "moved";
    case RefreshOutcome::held: return "held";
    case RefreshOutcome::refused: return "refused";
    case RefreshOutcome::suspended: return "suspended";
    case RefreshOutcome::unavailable: return "unavailable";
    case RefreshOutcome::store_down: return "store_down";
  }
  return "unknown";
}

// --- pairs that this node holds for the store ---

void Refresher::reload_held() {
  held_.clear();
  for (SpooledPair& spooled : context_.spool.entries()) held_[spooled.pair.grant].push_back(std::move(spooled));
}

Task<void> Refresher::release_spooled(SpooledPair settled) {
  const std::vector<SpooledPair> entries = context_.spool.entries();
  const auto same = [&](const SpooledPair& entry) {
    return entry.slot == settled.slot && entry.pair.at == settled.pair.at && entry.pair.sealed == settled.pair.sealed;
  };
  if (std::ranges::none_of(entries, same)) co_return;
  retention_.forget(settled.slot);
  co_await context_.spool.release(settled.slot);
  reload_held();
}

std::size_t Refresher::unstored() const {
  const std::vector<SpooledPair> entries = context_.spool.entries();
  return static_cast<std::size_t>(
      std::ranges::count_if(entries, [this](const SpooledPair& spooled) { return !retention_.settled(spooled); }));
}

Task<bool> Refresher::make_room() {
  if (!retention_.on()) co_return false;
  const std::vector<SpooledPair> entries = context_.spool.entries();
  const auto settled = [this](const SpooledPair& spooled) { return retention_.settled(spooled); };
  const auto oldest = std::ranges::find_if(entries, settled);
  if (oldest == entries.end()) co_return false;
  SpooledPair gives_way = *oldest;
  co_await release_spooled(std::move(gives_way));
  co_return true;
}

Task<void> Refresher::thin_out() {
  std::size_t stay = context_.spool.entries().size() - unstored();
  for (bool gone = true; gone && stay > context_.policy.spool_keep; --stay) gone = co_await make_room();
}

/// No clock has a say in it, nor the generation alone: a store that has forgotten commits counts the same generations
/// again, with other pairs. Each pair names the very pair that it was made to follow.
const SpooledPair* Refresher::successor(const GrantRecord& record) const {
  const auto it = held_.find(record.grant.id);
  if (it == held_.end()) return nullptr;
  const auto next = std::ranges::find_if(it->second, [&](const SpooledPair& spooled) {
    return spooled.pair.app == record.grant.app && context_.sealer.follows(spooled.pair, record);
  });
  return next == it->second.end() ? nullptr : &*next;
}

std::vector<SpooledPair> Refresher::held_of(const GrantRef& ref, Epoch epoch) const {
  std::vector<SpooledPair> out;
  const auto it = held_.find(ref.grant);
  if (it == held_.end()) return out;
  for (const SpooledPair& spooled : it->second) {
    if (spooled.pair.app == ref.app && spooled.pair.at.epoch == epoch) out.push_back(spooled);
  }
  return out;
}

GrantRecord Refresher::overlaid(GrantRecord record) const {
  if (record.grant.status == GrantStatus::revoking || record.grant.status == GrantStatus::revoked) return record;
  const SpooledPair* spooled = successor(record);
  return spooled == nullptr ? record : with_kept_pair(std::move(record), spooled->pair);
}

}  // namespace keyfob::engine
