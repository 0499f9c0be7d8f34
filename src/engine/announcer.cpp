#include "engine/announcer.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/refusal.hpp"
#include "engine/event_body.hpp"

namespace keyfob::engine {
namespace {

constexpr Milliseconds kAgain = seconds(3);
constexpr Milliseconds kQuiet = minutes(1);
constexpr Milliseconds kForGood = days(3650);
constexpr Milliseconds kBeyondTheEnd = days(1);
constexpr std::size_t kRemembered = 10'000;

}  // namespace

std::string Announcer::id() const {
  std::array<std::uint8_t, 16> bytes{};
  ports_.random.fill(bytes);
  return "ev_" + to_hex(bytes);
}

std::string Announcer::name_of(const AppId& app) const {
  const auto view = ports_.directory.snapshot()->find(app);
  return view ? view->app().name : std::string();
}

std::vector<Notice> Announcer::notice(std::string name, const Grant& after, std::vector<GrantStatus> from,
                                      std::string reason) const {
  std::vector<Notice> one;
  if (ports_.store == nullptr) return one;
  const EventHead head{id(), std::move(name), ports_.clock.wall(), name_of(after.app), std::move(reason)};
  one.push_back({grant_event(head, after), std::move(from)});
  return one;
}

OutboxRow Announcer::about(const AppId& app, std::string name, std::string reason) const {
  return application_event({id(), std::move(name), ports_.clock.wall(), name_of(app), std::move(reason)}, app);
}

/// A store that is down is asked again until it has been told what holds then.
Task<void> Announcer::settle(AppId app) {
  const auto self = shared_from_this();
  Standing& standing = standing_[app];
  while (standing.told != standing.wanted) {
    const bool suspended = standing.wanted;
    const WallTime now = ports_.clock.wall();
    std::optional<Mark> mark = Mark{app, "suspended", std::nullopt};
    if (suspended) mark->until = now + kForGood;
    std::vector<OutboxRow> rows;
    rows.push_back(suspended ? about(app, "application.suspended", "credentials_refused")
                             : about(app, "application.resumed", "credentials_accepted"));
    const Result<bool> told = co_await ports_.store->tell(std::move(rows), std::move(mark), now);
    if (told) standing.told = suspended;
    if (told && *told) news();
    if (!told) co_await ports_.clock.sleep(kAgain);
  }
  standing.busy = false;
}

void Announcer::want(const AppId& app, bool suspended) {
  if (ports_.store == nullptr) return;
  Standing& standing = standing_[app];
  standing.wanted = suspended;
  if (standing.busy || standing.told == suspended) return;
  standing.busy = true;
  asio::co_spawn(ports_.executor, settle(app), asio::detached);
}

/// Not told twice: the next occasion tells it if the store was down.
void Announcer::tell_later(OutboxRow row, Mark mark) {
  auto task = [self = shared_from_this(), row = std::move(row), mark = std::move(mark)]() -> Task<void> {
    std::vector<OutboxRow> rows{row};
    std::optional<Mark> copy = mark;
    const Result<bool> told =
        co_await self->ports_.store->tell(std::move(rows), std::move(copy), self->ports_.clock.wall());
    if (told && *told) self->news();
  };
  asio::co_spawn(ports_.executor, std::move(task), asio::detached);
}

void Announcer::refusals(const AppId& app) {
  if (ports_.store == nullptr) return;
  const BootTime now = ports_.clock.boot();
  const auto [at, first] = refusals_at_.try_emplace(app, now);
  if (!first && now - at->second < kQuiet) return;
  at->second = now;
  tell_later(about(app, "application.refusals", "burst"),
             {app, "refusals", ports_.clock.wall() + kHealthWindow + kQuiet});
}

void Announcer::expiring(const Grant& grant) {
  if (ports_.store == nullptr) return;
  const BootTime now = ports_.clock.boot();
  if (expiring_at_.size() >= kRemembered) expiring_at_.clear();
  const auto [at, first] = expiring_at_.try_emplace(grant.app.str() + '\n' + grant.id.str(), now);
  if (!first && now - at->second < hours(1)) return;
  at->second = now;
  const std::string name = "expiring/" + grant.id.str() + "/" + std::to_string(grant.version.epoch.value()) + "." +
                           std::to_string(grant.version.generation.value());
  for (Notice& made : notice("grant.expiring", grant, {}, "not_renewed")) {
    tell_later(std::move(made.row), {grant.app, name, grant.refresh_expires_at + kBeyondTheEnd});
  }
}

}  // namespace keyfob::engine
