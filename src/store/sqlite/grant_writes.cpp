// Import and consent, removal, late pairs.
#include <utility>

#include "store/sqlite/grant_keys.hpp"
#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/grant_row.hpp"
#include "store/sqlite/outbox_queries.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kPresent[] =
    "SELECT number, generation, epoch, user_id, vehicles, status FROM grants WHERE app_id = ? AND grant_id = ?";
constexpr char kInsert[] = "INSERT INTO grants (" KEYFOB_PUT_COLUMNS ") VALUES (" KEYFOB_PUT_PARAMETERS ")";
constexpr char kReplace[] =
    "UPDATE grants SET (" KEYFOB_PUT_COLUMNS ") = (" KEYFOB_PUT_PARAMETERS
    "), attempt_id = NULL, attempt_node = NULL, attempt_incarnation = NULL, attempt_stranded = NULL, "
    "first_sent_boot = NULL, first_sent_boot_ms = NULL, first_sent_at = NULL, lease_boot = NULL, "
    "lease_until_boot_ms = NULL WHERE number = ?";
constexpr char kReassociate[] =
    "UPDATE grants SET provider_user = ?, vehicles = ?, updated_at = ?, association_mac = ? WHERE number = ?";
// Another grant of the same user, account and vehicle. Whoever asks is the one that writes.
constexpr char kTwin[] =
    "SELECT 1 FROM grant_keys k CROSS JOIN grants g ON g.number = k.number WHERE k.key = ? AND g.app_id = ? AND "
    "g.user_id = ? AND g.provider_user = ? AND g.single_vehicle = ? AND g.number <> ?";
constexpr char kDropOldLate[] = "DELETE FROM late_pairs WHERE app_id = ? AND grant_id = ? AND epoch <> ?";
constexpr char kDropAllLate[] = "DELETE FROM late_pairs WHERE app_id = ? AND grant_id = ?";
constexpr char kDelete[] = "DELETE FROM grants WHERE number = ?";

#define KEYFOB_THIS_PAIR                                                                                      \
  "FROM late_pairs WHERE app_id = ? AND grant_id = ? AND epoch = ? AND generation = ? AND access_sealed = ? " \
  "AND refresh_sealed = ?"
constexpr char kHasLate[] = "SELECT 1 " KEYFOB_THIS_PAIR;
constexpr char kDropLate[] = "DELETE " KEYFOB_THIS_PAIR;
constexpr char kKeepLate[] =
    "INSERT INTO late_pairs (app_id, grant_id, epoch, generation, received_at, access_expires_at, refresh_expires_at, "
    "scope, data_key, access_sealed, refresh_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kLate[] =
    "SELECT epoch, generation, received_at, access_expires_at, refresh_expires_at, scope, data_key, access_sealed, "
    "refresh_sealed FROM late_pairs WHERE app_id = ? AND grant_id = ? AND epoch = ? ORDER BY received_at DESC, rowid "
    "DESC";

struct Present {
  std::int64_t number = 0;
  GrantVersion version;
  std::vector<GrantKey> keys;
  std::optional<GrantStatus> status;
};

std::optional<Present> look(Connection& connection, const AppId& app, const GrantId& id) {
  auto query = connection.query(kPresent);
  if (!query.with(app, id).step()) return std::nullopt;
  Present present;
  present.number = query.integer();
  present.version.generation = query.number<Generation>();
  present.version.epoch = query.number<Epoch>();
  Grant grant;
  grant.app = app;
  grant.user = query.id<UserId>();
  grant.vehicles = vehicles_from(query.text());
  present.keys = keys_of(grant);
  present.status = grant_status_from(query.text());
  return present;
}

std::unexpected<Error> taken(const Grant& grant) {
  return fail(ErrorCode::conflict,
              "grant " + grant.id.str() + " exists, or another grant is already of this user, account and vehicle");
}

/// `number`: of the grant itself, 0 while it has none.
bool has_twin(Connection& connection, const Grant& grant, std::string_view single_vehicle, std::int64_t number) {
  auto query = connection.query(kTwin);
  query.with(key_of(grant.app, grant.user), grant.app, grant.user, grant.provider_user, single_vehicle, number);
  return query.step();
}

Result<void> insert(Connection& connection, const PutRequest& request) {
  const Grant& grant = request.record.grant;
  const GrantTexts texts(grant);
  if (has_twin(connection, grant, texts.single_vehicle, 0)) return taken(grant);
  {
    auto query = connection.query(kInsert);
    bind_grant(query, request.record, texts);
    if (!query.run_unless_constrained()) return taken(grant);
  }
  add_keys(connection, connection.last_rowid(), keys_of(grant));
  add_notices(connection, request.notices, std::nullopt);
  return {};
}

Result<void> replace(Connection& connection, const PutRequest& request) {
  const Grant& grant = request.record.grant;
  const auto present = look(connection, grant.app, grant.id);
  if (!present || present->version != *request.replaces) {
    return fail(ErrorCode::conflict, "grant " + grant.id.str() + " is not as expected");
  }
  const GrantTexts texts(grant);
  if (has_twin(connection, grant, texts.single_vehicle, present->number)) return taken(grant);
  {
    auto query = connection.query(kReplace);
    bind_grant(query, request.record, texts);
    if (!query.with(present->number).run_unless_constrained()) return taken(grant);
  }
  replace_keys(connection, present->number, present->keys, keys_of(grant));
  connection.query(kDropOldLate).with(grant.app, grant.id, grant.version.epoch).run();
  add_notices(connection, request.notices, present->status);
  return {};
}

}  // namespace

Result<void> put(Connection& connection, const PutRequest& request) {
  const Grant& grant = request.record.grant;
  if (grant.app.empty() || grant.id.empty() || grant.user.empty()) {
    return fail(ErrorCode::invalid_argument, "a grant has an application, an id and a user");
  }
  return request.replaces ? replace(connection, request) : insert(connection, request);
}

Result<UpdateOutcome> reassociate(Connection& connection, const Reassociation& request, StoreTime now) {
  auto row = read_row(connection, request.ref, now);
  if (!row) return fail(ErrorCode::not_found, "there is no grant " + request.ref.grant.str());
  GrantRecord& record = row->record;
  Grant& grant = record.grant;
  if (grant.version != request.at) return Moved{std::move(record)};
  const std::vector<GrantKey> keys_before = keys_of(grant);
  grant.provider_user = request.provider_user;
  if (has_twin(connection, grant, GrantTexts(grant).single_vehicle, row->number)) return taken(grant);
  grant.vehicles = request.vehicles;
  grant.updated_at = request.now;
  record.association_mac = request.association_mac;
  const GrantTexts texts(grant);
  connection.query(kReassociate)
      .with(grant.provider_user, texts.vehicles, grant.updated_at, record.association_mac, row->number)
      .run();
  replace_keys(connection, row->number, keys_before, keys_of(grant));
  return Updated{std::move(record)};
}

Result<void> remove(Connection& connection, const GrantRef& ref) {
  const auto present = look(connection, ref.app, ref.grant);
  if (!present) return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
  replace_keys(connection, present->number, present->keys, {});
  connection.query(kDropAllLate).with(ref.app, ref.grant).run();
  connection.query(kDelete).with(present->number).run();
  return {};
}

Result<void> keep_late(Connection& connection, const KeptPair& pair) {
  const auto present = look(connection, pair.app, pair.grant);
  if (!present) return fail(ErrorCode::not_found, "there is no grant " + pair.grant.str());
  if (present->version.epoch != pair.at.epoch) {
    return fail(ErrorCode::conflict, "the consent of grant " + pair.grant.str() + " was replaced");
  }
  {
    auto query = connection.query(kHasLate);
    query.with(pair.app, pair.grant, pair.at.epoch, pair.at.generation, pair.sealed.access, pair.sealed.refresh);
    if (query.step()) return {};
  }
  connection.query(kKeepLate)
      .with(pair.app, pair.grant, pair.at.epoch, pair.at.generation, pair.received_at, pair.access_expires_at,
            pair.refresh_expires_at, pair.scope, pair.data_key, pair.sealed.access, pair.sealed.refresh)
      .run();
  return {};
}

Result<std::vector<KeptPair>> late(Connection& connection, const GrantRef& ref, Epoch epoch) {
  std::vector<KeptPair> pairs;
  auto query = connection.query(kLate);
  query.with(ref.app, ref.grant, epoch);
  while (query.step()) {
    KeptPair pair;
    pair.app = ref.app;
    pair.grant = ref.grant;
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

Result<void> drop_late(Connection& connection, const KeptPair& pair) {
  connection.query(kDropLate)
      .with(pair.app, pair.grant, pair.at.epoch, pair.at.generation, pair.sealed.access, pair.sealed.refresh)
      .run();
  return {};
}

}  // namespace keyfob::sqlite
