#include "store/postgres/key_dialogues.hpp"

#include <algorithm>

#include "core/data_key_set.hpp"
#include "store/postgres/directory_dialogues.hpp"

namespace keyfob::postgres {
namespace {

constexpr char kReseal[] =
    "UPDATE grants SET access_sealed = $1, refresh_sealed = $2, association_mac = $3 WHERE app_id = $4 AND "
    "grant_id = $5 AND generation = $6 AND epoch = $7 AND access_sealed = $8 AND refresh_sealed = $9 AND "
    "association_mac = $10 AND attempt_id IS NULL";

constexpr char kLateUnder[] =
    "SELECT grant_id, epoch, generation, received_at, access_expires_at, refresh_expires_at, scope, data_key, "
    "access_sealed, refresh_sealed FROM late_pairs WHERE app_id = $1 AND data_key = $2 LIMIT $3";
constexpr char kReplaceLate[] =
    "UPDATE late_pairs SET access_sealed = $1, refresh_sealed = $2, data_key = $3 WHERE app_id = $4 AND grant_id = $5 "
    "AND epoch = $6 AND generation = $7 AND access_sealed = $8 AND refresh_sealed = $9";

constexpr char kConsentsUnder[] =
    "SELECT 1 FROM consents WHERE app_id = $1 AND expires_at > $2 AND "
    "substr(sealed_verifier, 1, CAST($3 AS integer)) = $4 LIMIT 1";

constexpr char kDropKeys[] = "DELETE FROM data_keys WHERE $1 = '' OR app_id = $1";
constexpr char kIsPrimary[] = "SELECT is_primary FROM data_keys WHERE app_id = $1 AND key_id = $2 FOR UPDATE";
constexpr char kHeld[] = "SELECT node_id FROM data_key_holders WHERE app_id = $1 AND key_id = $2 LIMIT 1";
constexpr char kLate[] = "SELECT 1 FROM late_pairs WHERE app_id = $1 AND data_key = $2 LIMIT 1";
constexpr char kDropKey[] = "DELETE FROM data_keys WHERE app_id = $1 AND key_id = $2";

constexpr char kLetGo[] = "DELETE FROM data_key_holders WHERE node_id = $1";
// Whoever is retiring the key is waited for, and waits for us.
constexpr char kKeep[] = "SELECT 1 FROM data_keys WHERE app_id = $1 AND key_id = $2 FOR SHARE";
constexpr char kHold[] =
    "INSERT INTO data_key_holders (app_id, key_id, node_id, since) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (app_id, key_id, node_id) DO UPDATE SET since = excluded.since";
constexpr char kHolders[] =
    "SELECT node_id, app_id, key_id, since FROM data_key_holders ORDER BY app_id, key_id, node_id";

}  // namespace

Question reseal_question(const std::vector<ResealedGrant>& grants) {
  Question question;
  for (const ResealedGrant& grant : grants) {
    question.calls.push_back(call(kReseal, grant.now.pair.access, grant.now.pair.refresh, grant.now.association_mac,
                                  grant.ref.app, grant.ref.grant, grant.at.generation, grant.at.epoch,
                                  grant.was.pair.access, grant.was.pair.refresh, grant.was.association_mac));
  }
  return question;
}

Question late_under_question(const DataKeyRef& key, std::size_t limit) {
  return {{}, {call(kLateUnder, key.app, key.id, limit)}};
}

std::vector<KeptPair> read_late_under(Rows& rows, const AppId& app) {
  std::vector<KeptPair> pairs;
  while (rows.next()) {
    KeptPair pair;
    pair.app = app;
    pair.grant = rows.id<GrantId>();
    pair.at.epoch = rows.number<Epoch>();
    pair.at.generation = rows.number<Generation>();
    pair.received_at = rows.time();
    pair.access_expires_at = rows.time();
    pair.refresh_expires_at = rows.time();
    pair.scope = rows.text();
    pair.data_key = rows.number<DataKeyId>();
    pair.sealed.access = rows.blob();
    pair.sealed.refresh = rows.blob();
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

Question replace_late_question(const KeptPair& old, const KeptPair& fresh) {
  return {old.grant.str(),
          {call(kReplaceLate, fresh.sealed.access, fresh.sealed.refresh, fresh.data_key, old.app, old.grant,
                old.at.epoch, old.at.generation, old.sealed.access, old.sealed.refresh)}};
}

Question consents_under_question(const AppId& app, const Bytes& header, WallTime now) {
  return {{}, {call(kConsentsUnder, app, now, header.size(), header)}};
}

Result<void> change_data_keys(Dialogue& dialogue, const KeyChange& change) {
  if (auto good = check_one_primary_each(change.after); !good) return good;
  note_change(dialogue, AppId());  // one change of keys at a time
  auto present = data_keys(dialogue);
  if (!present) return fail(std::move(present.error()));
  if (!change.app.empty()) std::erase_if(*present, [&](const WrappedDataKey& key) { return key.app != change.app; });
  if (!same_data_keys(*present, change.before)) {
    return fail(ErrorCode::conflict, "the data keys were changed by somebody else", "try again");
  }
  dialogue.ask(kDropKeys, change.app);
  return put_data_keys(dialogue, change.after);
}

Result<void> retire_data_key(Dialogue& dialogue, const DataKeyRef& key) {
  auto primary = dialogue.ask(kIsPrimary, key.app, key.id);
  if (!primary.next()) return fail(ErrorCode::not_found, "there is no such data key");
  if (primary.flag()) return fail(ErrorCode::conflict, "the data key is the one that new records are sealed with");
  auto held = dialogue.ask(kHeld, key.app, key.id);
  if (held.next()) {
    return fail(ErrorCode::conflict, "node " + std::string(held.text()) + " may still have pairs under this key");
  }
  if (dialogue.ask(kLate, key.app, key.id).next()) {
    return fail(ErrorCode::conflict, "a late pair is sealed with this key");
  }
  dialogue.ask(kDropKey, key.app, key.id);
  note_change(dialogue, key.app);
  return {};
}

Result<void> hold_data_keys(Dialogue& dialogue, const NodeId& node, const std::vector<DataKeyRef>& keys, WallTime now) {
  dialogue.ask(kLetGo, node);
  for (const DataKeyRef& key : keys) {
    dialogue.ask(kKeep, key.app, key.id);
    dialogue.ask(kHold, key.app, key.id, node, now);
  }
  return {};
}

Result<std::vector<DataKeyHolder>> data_key_holders(Dialogue& dialogue) {
  std::vector<DataKeyHolder> all;
  auto rows = dialogue.ask(kHolders);
  while (rows.next()) {
    DataKeyHolder holder;
    holder.node = rows.id<NodeId>();
    holder.key.app = rows.id<AppId>();
    holder.key.id = rows.number<DataKeyId>();
    holder.since = rows.time();
    all.push_back(std::move(holder));
  }
  return all;
}

}  // namespace keyfob::postgres
