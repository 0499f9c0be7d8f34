#include "store/sqlite/key_queries.hpp"

#include <algorithm>

#include "core/data_key_set.hpp"
#include "store/sqlite/directory_queries.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kReseal[] =
    "UPDATE grants SET access_sealed = ?, refresh_sealed = ?, association_mac = ? WHERE app_id = ? AND grant_id = ? "
    "AND generation = ? AND epoch = ? AND access_sealed = ? AND refresh_sealed = ? AND association_mac = ? "
    "AND attempt_id IS NULL";

constexpr char kLateUnder[] =
    "SELECT grant_id, epoch, generation, received_at, access_expires_at, refresh_expires_at, scope, data_key, "
    "access_sealed, refresh_sealed FROM late_pairs WHERE app_id = ? AND data_key = ? LIMIT ?";
constexpr char kReplaceLate[] =
    "UPDATE late_pairs SET access_sealed = ?, refresh_sealed = ?, data_key = ? WHERE app_id = ? AND grant_id = ? "
    "AND epoch = ? AND generation = ? AND access_sealed = ? AND refresh_sealed = ?";

constexpr char kConsentsUnder[] =
    "SELECT 1 FROM consents WHERE app_id = ? AND expires_at > ? AND substr(sealed_verifier, 1, ?) = ? LIMIT 1";

constexpr char kDropKeys[] = "DELETE FROM data_keys WHERE ? = '' OR app_id = ?";
constexpr char kIsPrimary[] = "SELECT is_primary FROM data_keys WHERE app_id = ? AND key_id = ?";
constexpr char kHeld[] = "SELECT node_id FROM data_key_holders WHERE app_id = ? AND key_id = ? LIMIT 1";
constexpr char kLate[] = "SELECT 1 FROM late_pairs WHERE app_id = ? AND data_key = ? LIMIT 1";
constexpr char kDropKey[] = "DELETE FROM data_keys WHERE app_id = ? AND key_id = ?";

constexpr char kLetGo[] = "DELETE FROM data_key_holders WHERE node_id = ?";
constexpr char kHold[] = "INSERT OR REPLACE INTO data_key_holders (app_id, key_id, node_id, since) VALUES (?, ?, ?, ?)";
constexpr char kHolders[] =
    "SELECT node_id, app_id, key_id, since FROM data_key_holders ORDER BY app_id, key_id, node_id";

bool any(Connection& connection, const char* sql, const DataKeyRef& key) {
  auto query = connection.query(sql);
  return query.with(key.app, key.id).step();
}

}  // namespace

Result<std::size_t> reseal(Connection& connection, const std::vector<ResealedGrant>& grants) {
  std::size_t took = 0;
  for (const ResealedGrant& grant : grants) {
    connection.query(kReseal)
        .with(grant.now.pair.access, grant.now.pair.refresh, grant.now.association_mac, grant.ref.app, grant.ref.grant,
              grant.at.generation, grant.at.epoch, grant.was.pair.access, grant.was.pair.refresh,
              grant.was.association_mac)
        .run();
    took += connection.changes();
  }
  return took;
}

Result<std::vector<KeptPair>> late_under(Connection& connection, const DataKeyRef& key, std::size_t limit) {
  std::vector<KeptPair> pairs;
  auto query = connection.query(kLateUnder);
  query.with(key.app, key.id, limit);
  while (query.step()) {
    KeptPair pair;
    pair.app = key.app;
    pair.grant = query.id<GrantId>();
    pair.at.epoch = query.number<Epoch>();
    pair.at.generation = query.number<Generation>();
    pair.received_at = query.time();
    pair.access_expires_at = query.time();
    pair.refresh_expires_at = query.time();
    pair.scope = query.text();
    pair.data_key = query.number<DataKeyId>();
    pair.sealed.access = query.blob();
    pair.sealed.refresh = query.blob();
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

Result<bool> replace_late(Connection& connection, const KeptPair& old, const KeptPair& fresh) {
  connection.query(kReplaceLate)
      .with(fresh.sealed.access, fresh.sealed.refresh, fresh.data_key, old.app, old.grant, old.at.epoch,
            old.at.generation, old.sealed.access, old.sealed.refresh)
      .run();
  return connection.changes() > 0;
}

Result<bool> consents_under(Connection& connection, const AppId& app, const Bytes& header, WallTime now) {
  auto query = connection.query(kConsentsUnder);
  return query.with(app, now, header.size(), header).step();
}

Result<void> change_data_keys(Connection& connection, const KeyChange& change) {
  if (auto good = check_one_primary_each(change.after); !good) return good;
  auto present = data_keys(connection);
  if (!present) return fail(std::move(present.error()));
  if (!change.app.empty()) std::erase_if(*present, [&](const WrappedDataKey& key) { return key.app != change.app; });
  if (!same_data_keys(*present, change.before)) {
    return fail(ErrorCode::conflict, "the data keys were changed by somebody else", "try again");
  }
  connection.query(kDropKeys).with(change.app, change.app).run();
  return put_data_keys(connection, change.after);
}

Result<void> retire_data_key(Connection& connection, const DataKeyRef& key) {
  {
    auto query = connection.query(kIsPrimary);
    if (!query.with(key.app, key.id).step()) return fail(ErrorCode::not_found, "there is no such data key");
    if (query.flag()) return fail(ErrorCode::conflict, "the data key is the one that new records are sealed with");
  }
  {
    auto query = connection.query(kHeld);
    if (query.with(key.app, key.id).step()) {
      return fail(ErrorCode::conflict, "node " + std::string(query.text()) + " may still have pairs under this key");
    }
  }
  if (any(connection, kLate, key)) return fail(ErrorCode::conflict, "a late pair is sealed with this key");
  connection.query(kDropKey).with(key.app, key.id).run();
  return {};
}

Result<void> hold_data_keys(Connection& connection, const NodeId& node, const std::vector<DataKeyRef>& keys,
                            WallTime now) {
  connection.query(kLetGo).with(node).run();
  for (const DataKeyRef& key : keys) connection.query(kHold).with(key.app, key.id, node, now).run();
  return {};
}

Result<std::vector<DataKeyHolder>> data_key_holders(Connection& connection) {
  std::vector<DataKeyHolder> all;
  auto query = connection.query(kHolders);
  while (query.step()) {
    DataKeyHolder holder;
    holder.node = query.id<NodeId>();
    holder.key.app = query.id<AppId>();
    holder.key.id = query.number<DataKeyId>();
    holder.since = query.time();
    all.push_back(std::move(holder));
  }
  return all;
}

}  // namespace keyfob::sqlite
