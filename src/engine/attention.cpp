#include "engine/attention.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace keyfob::engine {
namespace {

constexpr int kRounds = 3;

bool is_alive(GrantStatus status) { return status != GrantStatus::revoked && status != GrantStatus::revoking; }

}  // namespace

/// Without memory for it the next call says it again.
void AttentionNotes::note(GrantRef ref, std::string reason, std::string vehicle) noexcept {
  try {
    auto task = [this, ref = std::move(ref),
                 attention = Attention{std::move(reason), VehicleId(std::move(vehicle)), {}}]() -> Task<void> {
      if (is_news(ref, attention)) co_await write(ref, attention);
    };
    asio::co_spawn(context_.executor, std::move(task), asio::detached);
  } catch (const std::bad_alloc&) {
    return;
  }
}

bool AttentionNotes::is_news(const GrantRef& ref, const Attention& attention) {
  const BootTime now = context_.clock.boot();
  if (noted_.size() >= kMost) {
    std::erase_if(noted_, [now](const auto& entry) { return now - entry.second >= kQuiet; });
    if (noted_.size() >= kMost) noted_.clear();
  }
  std::string key = ref.app.str();
  for (const std::string_view part : {ref.grant.view(), attention.vehicle.view(), std::string_view(attention.reason)}) {
    key += '\n';
    key += part;
  }
  const auto [at, added] = noted_.try_emplace(std::move(key), now);
  if (!added && now - at->second < kQuiet) return false;
  at->second = now;
  return true;
}

Task<void> AttentionNotes::write(GrantRef ref, Attention attention) {
  for (int round = 0; round < kRounds; ++round) {
    GrantRef here = ref;
    Result<GrantRecord> record = co_await context_.reader.load(std::move(here));
    if (!record || !is_alive(record->grant.status)) co_return;
    const auto& present = record->grant.attention;
    if (present && present->reason == attention.reason && present->vehicle == attention.vehicle) co_return;
    attention.since = context_.clock.wall();
    GrantChange change;
    change.attention = attention;
    Grant after = record->grant;
    after.attention = attention;
    change.notices = context_.announcer.notice("grant.attention", after, {}, "set");
    here = ref;
    Result<UpdateOutcome> outcome =
        co_await context_.store.update(std::move(here), record->grant.version, std::move(change), attention.since);
    if (!outcome) co_return;
    if (const auto* updated = std::get_if<Updated>(&*outcome)) {
      context_.emit("grant.attention", updated->record.grant, attention.reason);
      co_return;
    }
  }
}

}  // namespace keyfob::engine
