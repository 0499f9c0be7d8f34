#include "store/postgres/directory_dialogues.hpp"

#include <algorithm>
#include <iterator>

#include "base/text_list.hpp"

namespace keyfob::postgres {
namespace {

constexpr char kCallers[] =
    "SELECT app_id, caller_id, name, permissions, users, routes, expires_at, disabled, created_at, updated_at, "
    "secret_hash, previous_secret_hash, previous_until FROM callers ORDER BY caller_id";
constexpr char kPutCaller[] =
    "INSERT INTO callers (app_id, caller_id, name, permissions, users, routes, expires_at, disabled, created_at, "
    "updated_at, secret_hash, previous_secret_hash, previous_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
    "$11, $12, $13) "
    "ON CONFLICT (caller_id) DO UPDATE SET app_id = excluded.app_id, name = excluded.name, "
    "permissions = excluded.permissions, users = excluded.users, routes = excluded.routes, "
    "expires_at = excluded.expires_at, disabled = excluded.disabled, created_at = excluded.created_at, "
    "updated_at = excluded.updated_at, secret_hash = excluded.secret_hash, "
    "previous_secret_hash = excluded.previous_secret_hash, previous_until = excluded.previous_until";

constexpr char kCallerNameTaken[] = "SELECT 1 FROM callers WHERE name = $1 AND caller_id <> $2";

constexpr char kKeys[] =
    "SELECT app_id, key_id, master, wrapped, is_primary, created_at FROM data_keys ORDER BY app_id, key_id";
constexpr char kDemote[] = "UPDATE data_keys SET is_primary = false WHERE app_id = $1 AND key_id <> $2";
constexpr char kPutKey[] =
    "INSERT INTO data_keys (app_id, key_id, master, wrapped, is_primary, created_at) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (app_id, key_id) DO UPDATE SET master = excluded.master, wrapped = excluded.wrapped, "
    "is_primary = excluded.is_primary, created_at = excluded.created_at";

constexpr char kPutConsent[] =
    "INSERT INTO consents (app_id, state_hash, user_id, return_to, redirect_uri, single_select, sealed_verifier, "
    "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1";
constexpr char kTakeConsent[] =
    "DELETE FROM consents WHERE state_hash = $1 RETURNING app_id, user_id, return_to, redirect_uri, single_select, "
    "sealed_verifier, expires_at";
// What another node removes already is not waited for.
constexpr char kDropExpired[] =
    "DELETE FROM consents WHERE state_hash IN (SELECT state_hash FROM consents WHERE expires_at <= $1 "
    "LIMIT 100 FOR UPDATE SKIP LOCKED)";

constexpr char kNoteChange[] =
    "INSERT INTO directory_changes AS d (app_id, changes) VALUES ($1, 1) "
    "ON CONFLICT (app_id) DO UPDATE SET changes = d.changes + 1";

std::string join_permissions(const std::vector<Permission>& permissions) {
  std::string list;
  for (const auto permission : permissions) append_netstring(list, to_string(permission));
  return list;
}

// A permission that this program does not know is one that it does not grant.
std::vector<Permission> permissions_from(std::string_view list) {
  std::vector<Permission> permissions;
  for (const auto& name : split_netstrings(list).value_or(std::vector<std::string>())) {
    if (const auto permission = permission_from(name)) permissions.push_back(*permission);
  }
  return permissions;
}

struct Restrictions {
  std::vector<UserId> users;
  std::vector<std::string> routes;
};

// An empty list means "all", so a list that cannot be read must not become one.
std::optional<Restrictions> read_restrictions(Rows& rows) {
  auto users = split_netstrings(rows.text());
  auto routes = split_netstrings(rows.text());
  if (!users || !routes) return std::nullopt;
  Restrictions read;
  std::ranges::transform(*users, std::back_inserter(read.users), [](auto& user) { return UserId(std::move(user)); });
  read.routes = std::move(*routes);
  return read;
}

Result<CallerRecord> read_caller(Rows& rows) {
  CallerRecord record;
  Caller& caller = record.caller;
  caller.app = rows.id<AppId>();
  caller.id = rows.id<CallerId>();
  caller.name = rows.text();
  caller.permissions = permissions_from(rows.text());
  auto restrictions = read_restrictions(rows);
  if (!restrictions) return fail(ErrorCode::damaged, "the restrictions of caller " + caller.name + " cannot be read");
  caller.users = std::move(restrictions->users);
  caller.routes = std::move(restrictions->routes);
  caller.expires_at = rows.optional_time();
  caller.disabled = rows.flag();
  caller.created_at = rows.time();
  caller.updated_at = rows.time();
  record.secret_hash = rows.blob();
  record.previous_secret_hash = rows.blob();
  record.previous_until = rows.optional_time();
  return record;
}

}  // namespace

Result<std::vector<CallerRecord>> callers(Dialogue& dialogue) {
  std::vector<CallerRecord> all;
  auto rows = dialogue.ask(kCallers);
  while (rows.next()) {
    auto record = read_caller(rows);
    if (!record) return fail(std::move(record.error()));
    all.push_back(std::move(*record));
  }
  return all;
}

Result<void> put_caller(Dialogue& dialogue, const CallerRecord& record) {
  const Caller& caller = record.caller;
  if (caller.id.empty() || caller.name.empty()) {
    return fail(ErrorCode::invalid_argument, "a caller has an id and a name");
  }
  if (dialogue.ask(kCallerNameTaken, caller.name, caller.id).next()) {
    return fail(ErrorCode::conflict, "there is a caller " + caller.name + " already");
  }
  std::string users;
  for (const auto& user : caller.users) append_netstring(users, user.view());
  dialogue.ask(kPutCaller, caller.app, caller.id, caller.name, join_permissions(caller.permissions), users,
               join_netstrings(caller.routes), caller.expires_at, caller.disabled, caller.created_at, caller.updated_at,
               record.secret_hash, record.previous_secret_hash, record.previous_until);
  note_change(dialogue, caller.app);
  return {};
}

Result<std::vector<WrappedDataKey>> data_keys(Dialogue& dialogue) {
  std::vector<WrappedDataKey> all;
  auto rows = dialogue.ask(kKeys);
  while (rows.next()) {
    WrappedDataKey key;
    key.app = rows.id<AppId>();
    key.id = rows.number<DataKeyId>();
    key.master = rows.text();
    key.wrapped = rows.blob();
    key.primary = rows.flag();
    key.created_at = rows.time();
    all.push_back(std::move(key));
  }
  return all;
}

Result<void> put_data_keys(Dialogue& dialogue, const std::vector<WrappedDataKey>& keys) {
  const auto unusable = [](const WrappedDataKey& key) { return key.app.empty() || key.wrapped.empty(); };
  if (std::ranges::any_of(keys, unusable)) {
    return fail(ErrorCode::invalid_argument, "a data key has an application and its wrapped bytes");
  }
  note_change(dialogue, AppId());  // one change of keys at a time, so that two new primaries do not both stay
  for (const auto& key : keys) {
    if (key.primary) dialogue.ask(kDemote, key.app, key.id);
    dialogue.ask(kPutKey, key.app, key.id, key.master, key.wrapped, key.primary, key.created_at);
  }
  return {};
}

Result<void> put_consent(Dialogue& dialogue, const ConsentState& state) {
  if (state.state_hash.empty()) return fail(ErrorCode::invalid_argument, "a consent state has a hash");
  auto put = dialogue.ask(kPutConsent, state.app, state.state_hash, state.user, state.return_to, state.redirect_uri,
                          state.single_select, state.sealed_verifier, state.expires_at);
  if (!put.next()) return fail(ErrorCode::conflict, "this consent state exists already");
  return {};
}

Result<ConsentState> take_consent(Dialogue& dialogue, const Bytes& state_hash, WallTime now) {
  ConsentState state;
  auto rows = dialogue.ask(kTakeConsent, state_hash);
  const bool found = rows.next();
  if (found) {
    state.state_hash = state_hash;
    state.app = rows.id<AppId>();
    state.user = rows.id<UserId>();
    state.return_to = rows.text();
    state.redirect_uri = rows.text();
    state.single_select = rows.flag();
    state.sealed_verifier = rows.blob();
    state.expires_at = rows.time();
  }
  dialogue.ask(kDropExpired, now);
  if (found && state.expires_at > now) return state;
  dialogue.keep_despite_error();
  return fail(ErrorCode::not_found, "this consent state is unknown, used or expired");
}

void note_change(Dialogue& dialogue, const AppId& app) { dialogue.ask(kNoteChange, app); }

}  // namespace keyfob::postgres
