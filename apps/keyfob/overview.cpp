#include "apps/keyfob/overview.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "apps/keyfob/event_thread.hpp"
#include "apps/keyfob/open_ports.hpp"
#include "store/postgres/census.hpp"
#include "store/sqlite/backup.hpp"
#include "store/sqlite/census.hpp"

namespace keyfob::node {
namespace {

constexpr std::size_t kCountAtMost = 100'000;

Milliseconds behind(std::optional<WallTime> due, WallTime now) {
  return due && *due < now ? now - *due : Milliseconds();
}

postgres::Database database_of(const config::StoreConfig& store) {
  return {store.url, store.pooler == config::Pooler::none};
}

Task<Result<void>> add_application(Store& store, AppId app, WallTime now, Overview& out) {
  AppId in_outlook = app;
  const auto outlook = co_await store.outlook(std::move(in_outlook), now, kCountAtMost);
  if (!outlook) co_return fail(outlook.error());
  out.due += outlook->due;
  out.lag = std::max(out.lag, behind(outlook->oldest_due, now));
  out.keep_alive_lag = std::max(out.keep_alive_lag, behind(outlook->renew_first, now));
  GrantRef nobody{app, {}};
  const auto health = co_await store.health(std::move(nobody), now - hours(1));
  if (!health) co_return fail(health.error());
  out.refreshed += health->refreshed;
  out.refused += health->refused_grants;
  co_return Result<void>();
}

/// A node is seen by the last record of its audit trail and by what it says about data keys.
Task<Result<void>> add_nodes(Store& store, Overview& out) {
  std::map<NodeId, WallTime> seen;
  const auto heads = co_await store.heads();
  if (!heads) co_return fail(heads.error());
  for (const AuditHead& head : *heads) {
    const std::uint64_t before = head.sequence == 0 ? 0 : head.sequence - 1;
    NodeId node = head.node;
    const auto last = co_await store.chain(std::move(node), before, 1);
    if (!last) co_return fail(last.error());
    if (!last->empty()) seen[head.node] = last->front().entry.at;
  }
  const auto holders = co_await store.data_key_holders();
  if (!holders) co_return fail(holders.error());
  for (const DataKeyHolder& holder : *holders) seen[holder.node] = std::max(seen[holder.node], holder.since);
  for (const auto& [id, at] : seen) out.nodes.push_back({id, at});
  std::ranges::sort(out.nodes, std::greater<>(), &Overview::Node::seen);
  co_return Result<void>();
}

Task<Result<Overview>> read(Store& store, WallTime now) {
  Overview out;
  const auto applications = co_await store.applications();
  if (!applications) co_return fail(applications.error());
  for (const auto& record : *applications) {
    AppId app = record.app.id;
    const auto added = co_await add_application(store, std::move(app), now, out);
    if (!added) co_return fail(added.error());
  }
  const auto nodes = co_await add_nodes(store, out);
  if (!nodes) co_return fail(nodes.error());
  co_return out;
}

Result<GrantCounts> count_grants(const config::StoreConfig& store) {
  const std::string path = sqlite_path(store);
  return path.empty() ? postgres::count_grants(database_of(store)) : sqlite::count_grants(path);
}

Result<Renewals> count_renewals(const config::StoreConfig& store, WallTime now) {
  const std::string path = sqlite_path(store);
  return path.empty() ? postgres::count_renewals(database_of(store), now) : sqlite::count_renewals(path, now);
}

}  // namespace

Result<Census> take_census(const config::StoreConfig& store, WallTime now) {
  const auto grants = count_grants(store);
  if (!grants) return fail(grants.error());
  const auto renewals = count_renewals(store, now);
  if (!renewals) return fail(renewals.error());
  return Census{*grants, *renewals};
}

Result<Schemas> schemas_of(const config::StoreConfig& store) {
  const std::string path = sqlite_path(store);
  const auto there = path.empty() ? postgres::schema_of(database_of(store)) : sqlite::schema_of(path);
  if (!there) return fail(there.error());
  return Schemas{*there, path.empty() ? postgres::known_schema() : sqlite::known_schema()};
}

Result<Overview> look_over(const config::Config& config, WallTime now) {
  const auto schemas = schemas_of(config.store);
  if (!schemas) return fail(schemas.error());
  if (schemas->there != schemas->known)
    return fail(ErrorCode::conflict,
                fmt::format("the store has schema {}, this program {}", schemas->there, schemas->known),
                "`keyfob doctor` says what to do");
  EventThread thread;
  auto store = open_store(config.store, false);
  if (!store) return fail(store.error());
  auto out = thread.wait_for(read(**store, now));
  store->reset();
  if (!out) return out;
  auto counts = count_grants(config.store);
  if (!counts) return fail(counts.error());
  out->grants = *counts;
  return out;
}

}  // namespace keyfob::node
