#include "store/sqlite/directory_queries.hpp"

#include <algorithm>
#include <iterator>

#include "base/text_list.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kCallers[] =
    "SELECT app_id, caller_id, name, permissions, users, routes, expires_at, disabled, created_at, updated_at, "
    "secret_hash, previous_secret_hash, previous_until FROM callers ORDER BY caller_id";
constexpr char kPutCaller[] =
    "INSERT INTO callers (app_id, caller_id, name, permissions, users, routes, expires_at, disabled, created_at, "
    "updated_at, secret_hash, previous_secret_hash, previous_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (caller_id) DO UPDATE SET app_id = excluded.app_id, name = excluded.name, "
    "permissions = excluded.permissions, users = excluded.users, routes = excluded.routes, "
    "expires_at = excluded.expires_at, disabled = excluded.disabled, created_at = excluded.created_at, "
    "updated_at = excluded.updated_at, secret_hash = excluded.secret_hash, "
    "previous_secret_hash = excluded.previous_secret_hash, previous_until = excluded.previous_until";

constexpr char kKeys[] =
    "SELECT app_id, key_id, master, wrapped, is_primary, created_at FROM data_keys ORDER BY app_id, key_id";
constexpr char kDemote[] = "UPDATE data_keys SET is_primary = 0 WHERE app_id = ? AND key_id <> ?";
constexpr char kPutKey[] =
    "INSERT INTO data_keys (app_id, key_id, master, wrapped, is_primary, created_at) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (app_id, key_id) DO UPDATE SET master = excluded.master, wrapped = excluded.wrapped, "
    "is_primary = excluded.is_primary, created_at = excluded.created_at";

constexpr char kPutConsent[] =
    "INSERT INTO consents (app_id, state_hash, user_id, return_to, redirect_uri, single_select, sealed_verifier, "
    "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kConsent[] =
    "SELECT app_id, user_id, return_to, redirect_uri, single_select, sealed_verifier, expires_at FROM consents "
    "WHERE state_hash = ?";
constexpr char kDropConsent[] = "DELETE FROM consents WHERE state_hash = ?";
constexpr char kDropExpired[] = "DELETE FROM consents WHERE expires_at <= ?";

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
std::optional<Restrictions> read_restrictions(Query& query) {
  auto users = split_netstrings(query.text());
  auto routes = split_netstrings(query.text());
  if (!users || !routes) return std::nullopt;
  Restrictions read;
  std::ranges::transform(*users, std::back_inserter(read.users), [](auto& user) { return UserId(std::move(user)); });
  read.routes = std::move(*routes);
  return read;
}

Result<CallerRecord> read_caller(Query& query) {
  CallerRecord record;
  Caller& caller = record.caller;
  caller.app = query.id<AppId>();
  caller.id = query.id<CallerId>();
  caller.name = query.text();
  caller.permissions = permissions_from(query.text());
  auto restrictions = read_restrictions(query);
  if (!restrictions) return fail(ErrorCode::damaged, "the restrictions of caller " + caller.name + " cannot be read");
  caller.users = std::move(restrictions->users);
  caller.routes = std::move(restrictions->routes);
  caller.expires_at = query.optional_time();
  caller.disabled = query.flag();
  caller.created_at = query.time();
  caller.updated_at = query.time();
  record.secret_hash = query.blob();
  record.previous_secret_hash = query.blob();
  record.previous_until = query.optional_time();
  return record;
}

}  // namespace

Result<std::vector<CallerRecord>> callers(Connection& connection) {
  std::vector<CallerRecord> all;
  auto query = connection.query(kCallers);
  while (query.step()) {
    auto record = read_caller(query);
    if (!record) return fail(std::move(record.error()));
    all.push_back(std::move(*record));
  }
  return all;
}

Result<void> put_caller(Connection& connection, const CallerRecord& record) {
  const Caller& caller = record.caller;
  if (caller.id.empty() || caller.name.empty()) {
    return fail(ErrorCode::invalid_argument, "a caller has an id and a name");
  }
  const auto permissions = join_permissions(caller.permissions);
  std::string users;
  for (const auto& user : caller.users) append_netstring(users, user.view());
  const auto routes = join_netstrings(caller.routes);
  auto query = connection.query(kPutCaller);
  query.with(caller.app, caller.id, caller.name, permissions, users, routes, caller.expires_at, caller.disabled,
             caller.created_at, caller.updated_at, record.secret_hash, record.previous_secret_hash,
             record.previous_until);
  if (!query.run_unless_constrained()) {
    return fail(ErrorCode::conflict, "there is a caller " + caller.name + " already");
  }
  return {};
}

Result<std::vector<WrappedDataKey>> data_keys(Connection& connection) {
  std::vector<WrappedDataKey> all;
  auto query = connection.query(kKeys);
  while (query.step()) {
    WrappedDataKey key;
    key.app = query.id<AppId>();
    key.id = query.number<DataKeyId>();
    key.master = query.text();
    key.wrapped = query.blob();
    key.primary = query.flag();
    key.created_at = query.time();
    all.push_back(std::move(key));
  }
  return all;
}

Result<void> put_data_keys(Connection& connection, const std::vector<WrappedDataKey>& keys) {
  const auto unusable = [](const WrappedDataKey& key) { return key.app.empty() || key.wrapped.empty(); };
  if (std::ranges::any_of(keys, unusable)) {
    return fail(ErrorCode::invalid_argument, "a data key has an application and its wrapped bytes");
  }
  for (const auto& key : keys) {
    if (key.primary) connection.query(kDemote).with(key.app, key.id).run();
    connection.query(kPutKey).with(key.app, key.id, key.master, key.wrapped, key.primary, key.created_at).run();
  }
  return {};
}

Result<void> put_consent(Connection& connection, const ConsentState& state) {
  if (state.state_hash.empty()) return fail(ErrorCode::invalid_argument, "a consent state has a hash");
  auto query = connection.query(kPutConsent);
  query.with(state.app, state.state_hash, state.user, state.return_to, state.redirect_uri, state.single_select,
             state.sealed_verifier, state.expires_at);
  if (!query.run_unless_constrained()) return fail(ErrorCode::conflict, "this consent state exists already");
  return {};
}

Result<ConsentState> take_consent(Connection& connection, const Bytes& state_hash, WallTime now) {
  connection.query(kDropExpired).with(now).run();
  ConsentState state;
  {
    auto query = connection.query(kConsent);
    if (!query.with(state_hash).step()) {
      return fail(ErrorCode::not_found, "this consent state is unknown, used or expired");
    }
    state.state_hash = state_hash;
    state.app = query.id<AppId>();
    state.user = query.id<UserId>();
    state.return_to = query.text();
    state.redirect_uri = query.text();
    state.single_select = query.flag();
    state.sealed_verifier = query.blob();
    state.expires_at = query.time();
  }
  connection.query(kDropConsent).with(state_hash).run();
  return state;
}

}  // namespace keyfob::sqlite
