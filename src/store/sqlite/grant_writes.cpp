// Import and consent, removal, late pairs.
#include <algorithm>
#include <utility>

#include "base/text_list.hpp"
#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/grant_row.hpp"
#include "store/sqlite/outbox_queries.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kPresent[] =
    "SELECT rowid, generation, epoch, vehicles, status FROM grants WHERE app_id = ? AND grant_id = ?";
constexpr char kInsert[] = "INSERT INTO grants (" KEYFOB_PUT_COLUMNS ") VALUES (" KEYFOB_PUT_PARAMETERS ")";
constexpr char kReplace[] =
    "UPDATE grants SET (" KEYFOB_PUT_COLUMNS ") = (" KEYFOB_PUT_PARAMETERS
    "), attempt_id = NULL, attempt_node = NULL, attempt_incarnation = NULL, attempt_stranded = NULL, "
    "first_sent_boot = NULL, first_sent_boot_ms = NULL, first_sent_at = NULL, lease_boot = NULL, "
    "lease_until_boot_ms = NULL WHERE rowid = ?";
constexpr char kReassociate[] =
    "UPDATE grants SET provider_user = ?, vehicles = ?, updated_at = ?, association_mac = ? "
    "WHERE app_id = ? AND grant_id = ?";
constexpr char kAddVehicle[] =
    "INSERT INTO grant_vehicles (app_id, vehicle_id, grant_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
constexpr char kDropVehicle[] = "DELETE FROM grant_vehicles WHERE app_id = ? AND vehicle_id = ? AND grant_id = ?";
constexpr char kDropOldLate[] = "DELETE FROM late_pairs WHERE app_id = ? AND grant_id = ? AND epoch <> ?";
constexpr char kDropAllLate[] = "DELETE FROM late_pairs WHERE app_id = ? AND grant_id = ?";
constexpr char kDelete[] = "DELETE FROM grants WHERE rowid = ?";

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
  std::int64_t rowid = 0;
  GrantVersion version;
  std::vector<std::string> vehicles;
  std::optional<GrantStatus> status;
};

std::optional<Present> look(Connection& connection, const AppId& app, const GrantId& grant) {
  auto query = connection.query(kPresent);
  if (!query.with(app, grant).step()) return std::nullopt;
  Present present;
  present.rowid = query.integer();
  present.version.generation = query.number<Generation>();
  present.version.epoch = query.number<Epoch>();
  present.vehicles = split_netstrings(query.text()).value_or(std::vector<std::string>());
  present.status = grant_status_from(query.text());
  return present;
}

std::unexpected<Error> taken(const Grant& grant) {
  return fail(ErrorCode::conflict,
              "grant " + grant.id.str() + " exists, or another grant is already of this user, account and vehicle");
}

void add_vehicles(Connection& connection, const Grant& grant) {
  for (const auto& vehicle : grant.vehicles) {
    connection.query(kAddVehicle).with(grant.app, vehicle, grant.id).run();
  }
}

Result<void> insert(Connection& connection, const PutRequest& request) {
  const GrantRecord& record = request.record;
  const GrantTexts texts(record.grant);
  auto query = connection.query(kInsert);
  bind_grant(query, record, texts);
  if (!query.run_unless_constrained()) return taken(record.grant);
  add_vehicles(connection, record.grant);
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
  {
    auto query = connection.query(kReplace);
    bind_grant(query, request.record, texts);
    if (!query.with(present->rowid).run_unless_constrained()) return taken(grant);
  }
  for (const auto& vehicle : present->vehicles) {
    connection.query(kDropVehicle).with(grant.app, vehicle, grant.id).run();
  }
  add_vehicles(connection, grant);
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
  auto record = load(connection, request.ref, now);
  if (!record) return fail(record.error());
  Grant& grant = record->grant;
  if (grant.version != request.at) return Moved{std::move(*record)};
  const std::vector<VehicleId> before = std::exchange(grant.vehicles, request.vehicles);
  grant.provider_user = request.provider_user;
  grant.updated_at = request.now;
  record->association_mac = request.association_mac;
  const GrantTexts texts(grant);
  {
    auto query = connection.query(kReassociate);
    query.with(grant.provider_user, texts.vehicles, grant.updated_at, record->association_mac, grant.app, grant.id);
    if (!query.run_unless_constrained()) return taken(grant);
  }
  for (const auto& vehicle : before) {
    if (std::ranges::find(grant.vehicles, vehicle) != grant.vehicles.end()) continue;
    connection.query(kDropVehicle).with(grant.app, vehicle, grant.id).run();
  }
  return Updated{std::move(*record)};
}

Result<void> remove(Connection& connection, const GrantRef& ref) {
  const auto present = look(connection, ref.app, ref.grant);
  if (!present) return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
  for (const auto& vehicle : present->vehicles) {
    connection.query(kDropVehicle).with(ref.app, vehicle, ref.grant).run();
  }
  connection.query(kDropAllLate).with(ref.app, ref.grant).run();
  connection.query(kDelete).with(present->rowid).run();
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
