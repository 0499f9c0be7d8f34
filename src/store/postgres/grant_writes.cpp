// Import and consent, removal, late pairs.
#include "store/postgres/grant_row.hpp"
#include "store/postgres/grant_statements.hpp"

namespace keyfob::postgres {
namespace {

#define KEYFOB_PUT_COLUMNS                                                                                         \
  "app_id, grant_id, user_id, provider_user, single_vehicle, single_select, vehicles, scope, status, generation, " \
  "epoch, access_expires_at, refresh_expires_at, created_at, updated_at, rotated_at, due_at, renew_by, "           \
  "refused_count, "                                                                                                \
  "first_refused_at, last_refused_at, refused_certain, refused_after_unknown, refused_reason, attention_reason, "  \
  "attention_vehicle, attention_since, access_sealed, refresh_sealed, association_mac, changed_by, changed_xid"
#define KEYFOB_PUT_VALUES                                                                                           \
  "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, " \
  "$25, $26, $27, $28, $29, $30, $31, " KEYFOB_XID
#define KEYFOB_INDEX_VEHICLES                                              \
  "indexed AS (INSERT INTO grant_vehicles (app_id, vehicle_id, grant_id) " \
  "SELECT DISTINCT s.app_id, v.id, s.grant_id FROM stored AS s, unnest($7) AS v (id)) "

constexpr char kInsert[] =
    "WITH stored AS (INSERT INTO grants (" KEYFOB_PUT_COLUMNS ") VALUES (" KEYFOB_PUT_VALUES
    ") ON CONFLICT DO NOTHING RETURNING app_id, grant_id), " KEYFOB_INDEX_VEHICLES "SELECT 1 FROM stored";
// Within an epoch vehicles only go, so those of the row as the statement first saw it are at least those of the row it
// replaces. All are dropped and noted anew: one that this statement saw may be gone when it gets the row.
constexpr char kReplace[] =
    "WITH old AS (SELECT vehicles FROM grants WHERE app_id = $1 AND grant_id = $2), "
    "stored AS (UPDATE grants AS g SET (" KEYFOB_PUT_COLUMNS ") = (" KEYFOB_PUT_VALUES "), " KEYFOB_NO_ATTEMPT
    " WHERE g.app_id = $1 AND g.grant_id = $2 AND g.generation = $32 AND g.epoch = $33 AND NOT EXISTS "
    "(SELECT 1 FROM grants AS o WHERE o.app_id = $1 AND o.user_id = $3 AND o.provider_user = $4 AND "
    "o.single_vehicle = $5 AND o.grant_id <> $2) RETURNING g.app_id, g.grant_id), "
    "dropped AS (DELETE FROM grant_vehicles AS d USING stored AS s WHERE d.app_id = s.app_id AND "
    "d.grant_id = s.grant_id AND d.vehicle_id IN (SELECT unnest(vehicles) FROM old)), "
    "late AS (DELETE FROM late_pairs AS l USING stored AS s WHERE l.app_id = s.app_id AND l.grant_id = s.grant_id "
    "AND l.epoch <> $11), " KEYFOB_INDEX_VEHICLES "SELECT 1 FROM stored";

constexpr char kReassociate[] =
    "WITH old AS (SELECT vehicles FROM grants WHERE app_id = $1 AND grant_id = $2), stored AS (UPDATE grants AS g SET "
    "provider_user = $5, vehicles = $6, association_mac = $7, updated_at = $8, "
    "changed_by = $9, changed_xid = " KEYFOB_XID
    " WHERE g.app_id = $1 AND g.grant_id = $2 AND g.generation = $3 AND g.epoch = $4 AND NOT EXISTS "
    "(SELECT 1 FROM grants AS o WHERE o.app_id = $1 AND o.user_id = g.user_id AND o.provider_user = $5 AND "
    "o.single_vehicle = g.single_vehicle AND o.grant_id <> $2) RETURNING " KEYFOB_GRANT_COLUMNS
    "), dropped AS (DELETE FROM grant_vehicles AS d USING stored AS s WHERE d.app_id = s.app_id AND "
    "d.grant_id = s.grant_id AND d.vehicle_id IN (SELECT unnest(vehicles) FROM old) AND d.vehicle_id <> ALL ($6)) "
    "SELECT * FROM stored";

constexpr char kRemove[] =
    "WITH gone AS (DELETE FROM grants WHERE app_id = $1 AND grant_id = $2 RETURNING app_id, grant_id, user_id, "
    "vehicles), dropped AS (DELETE FROM grant_vehicles AS d USING gone WHERE d.app_id = gone.app_id AND "
    "d.grant_id = gone.grant_id AND d.vehicle_id = ANY (gone.vehicles)), "
    "late AS (DELETE FROM late_pairs AS l USING gone WHERE l.app_id = gone.app_id AND l.grant_id = gone.grant_id) "
    "INSERT INTO removed_grants (app_id, grant_id, user_id, vehicles, removed_at, changed_xid, changed_by) "
    "SELECT app_id, grant_id, user_id, vehicles, " KEYFOB_NOW ", " KEYFOB_XID ", $3 FROM gone RETURNING 1";

// An hour is longer than any node remembers without looking.
constexpr char kForgetRemoved[] = "DELETE FROM removed_grants WHERE removed_at < " KEYFOB_NOW " - 3600000";

#define KEYFOB_THIS_PAIR                                                                                   \
  "l.app_id = $1 AND l.grant_id = $2 AND l.epoch = $3 AND l.generation = $4 AND l.access_sealed = $5 AND " \
  "l.refresh_sealed = $6"
constexpr char kKeepLate[] =
    "WITH kept AS (INSERT INTO late_pairs (app_id, grant_id, epoch, generation, access_sealed, refresh_sealed, "
    "received_at, access_expires_at, refresh_expires_at, scope, data_key) "
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM grants AS g WHERE g.app_id = $1 AND g.grant_id = $2 AND "
    "g.epoch = $3 AND NOT EXISTS (SELECT 1 FROM late_pairs AS l WHERE " KEYFOB_THIS_PAIR
    ")) SELECT 1 FROM grants AS g WHERE g.app_id = $1 AND g.grant_id = $2 AND g.epoch = $3";
constexpr char kLate[] =
    "SELECT epoch, generation, received_at, access_expires_at, refresh_expires_at, scope, data_key, access_sealed, "
    "refresh_sealed FROM late_pairs WHERE app_id = $1 AND grant_id = $2 AND epoch = $3 ORDER BY received_at DESC";
constexpr char kDropLate[] = "DELETE FROM late_pairs AS l WHERE " KEYFOB_THIS_PAIR;

}  // namespace

Call put_call(const PutRequest& request, WriterId writer) {
  const GrantRecord& record = request.record;
  const Grant& grant = record.grant;
  Call put = call(request.replaces ? kReplace : kInsert, grant.app, grant.id, grant.user, grant.provider_user,
                  single_vehicle_of(grant), grant.single_select, views_of(grant.vehicles), grant.scope,
                  to_string(grant.status), grant.version.generation, grant.version.epoch, grant.access_expires_at,
                  grant.refresh_expires_at, grant.created_at, grant.updated_at, grant.rotated_at, grant.due_at,
                  grant.renew_by);
  add_refusals(put.arguments, grant.refusals);
  add_attention(put.arguments, grant.attention);
  put.arguments.add(record.sealed.access, record.sealed.refresh, record.association_mac, writer);
  if (request.replaces) put.arguments.add(request.replaces->generation, request.replaces->epoch);
  return put;
}

Question reassociate_question(const Reassociation& request, WriterId writer) {
  return {request.ref.grant.str(),
          {call(kReassociate, request.ref.app, request.ref.grant, request.at.generation, request.at.epoch,
                request.provider_user, views_of(request.vehicles), request.association_mac, request.now, writer)}};
}

Question remove_question(const GrantRef& ref, WriterId writer) {
  return {ref.grant.str(), {call(kRemove, ref.app, ref.grant, writer), call(kForgetRemoved)}};
}

Question keep_late_question(const KeptPair& pair) {
  return {
      pair.grant.str(),
      {call(kKeepLate, pair.app, pair.grant, pair.at.epoch, pair.at.generation, pair.sealed.access, pair.sealed.refresh,
            pair.received_at, pair.access_expires_at, pair.refresh_expires_at, pair.scope, pair.data_key)}};
}

Question late_question(const GrantRef& ref, Epoch epoch) { return {{}, {call(kLate, ref.app, ref.grant, epoch)}}; }

std::vector<KeptPair> read_late(Rows& rows, const GrantRef& ref) {
  std::vector<KeptPair> pairs;
  while (rows.next()) {
    KeptPair pair;
    pair.app = ref.app;
    pair.grant = ref.grant;
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

Question drop_late_question(const KeptPair& pair) {
  return {pair.grant.str(),
          {call(kDropLate, pair.app, pair.grant, pair.at.epoch, pair.at.generation, pair.sealed.access,
                pair.sealed.refresh)}};
}

}  // namespace keyfob::postgres
