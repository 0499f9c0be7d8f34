#include "base/text_list.hpp"
#include "store/sqlite/directory_queries.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kAll[] =
    "SELECT app_id, name, provider, client_id, v3_client_id, simulated, redirect_uri, scopes, return_to, created_at, "
    "updated_at, revision, webhook_url FROM applications ORDER BY app_id";
constexpr char kSecrets[] =
    "SELECT purpose, sealed, set_at FROM application_secrets WHERE app_id = ? ORDER BY position";
constexpr char kRevision[] = "SELECT revision FROM applications WHERE app_id = ?";
constexpr char kInsert[] =
    "INSERT INTO applications (app_id, name, provider, client_id, v3_client_id, simulated, redirect_uri, scopes, "
    "return_to, created_at, updated_at, revision, webhook_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kReplace[] =
    "UPDATE applications SET (app_id, name, provider, client_id, v3_client_id, simulated, redirect_uri, scopes, "
    "return_to, created_at, updated_at, revision, webhook_url) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE app_id "
    "= ?";
constexpr char kDropSecrets[] = "DELETE FROM application_secrets WHERE app_id = ?";
constexpr char kAddSecret[] =
    "INSERT INTO application_secrets (app_id, position, purpose, sealed, set_at) VALUES (?, ?, ?, ?, ?)";

// The keys of grants are found by what their rows say, so before the rows are gone.
constexpr const char* kRemoveAll[] = {
    "DELETE FROM grant_keys WHERE number IN (SELECT number FROM grants WHERE app_id = ?)",
    "DELETE FROM grants WHERE app_id = ?",
    "DELETE FROM late_pairs WHERE app_id = ?",
    "DELETE FROM refresh_counts WHERE app_id = ?",
    "DELETE FROM callers WHERE app_id = ?",
    "DELETE FROM consents WHERE app_id = ?",
    "DELETE FROM data_keys WHERE app_id = ?",
    "DELETE FROM application_secrets WHERE app_id = ?",
    "DELETE FROM data_key_holders WHERE app_id = ?",
    "DELETE FROM outbox WHERE destination = ?",
    "DELETE FROM marks WHERE app_id = ?",
    "DELETE FROM application_tokens WHERE app_id = ?",
    "DELETE FROM applications WHERE app_id = ?"};

ApplicationRecord read_application(Query& query) {
  ApplicationRecord record;
  Application& app = record.app;
  app.id = query.id<AppId>();
  app.name = query.text();
  app.provider = query.text();
  app.client_id = query.text();
  app.v3_client_id = query.text();
  app.mode = query.flag() ? Mode::simulated : Mode::live;
  app.redirect_uri = query.text();
  app.scopes = split_netstrings(query.text()).value_or(std::vector<std::string>());
  app.return_to = split_netstrings(query.text()).value_or(std::vector<std::string>());
  app.created_at = query.time();
  app.updated_at = query.time();
  app.revision = static_cast<std::uint64_t>(query.integer());
  app.webhook_url = query.text();
  return record;
}

Result<std::vector<SealedSecret>> secrets_of(Connection& connection, const AppId& app) {
  std::vector<SealedSecret> secrets;
  auto query = connection.query(kSecrets);
  query.with(app);
  while (query.step()) {
    SealedSecret secret;
    const auto purpose = secret_purpose_from(query.text());
    if (!purpose) return fail(ErrorCode::damaged, "application " + app.str() + " has a secret of an unknown purpose");
    secret.purpose = *purpose;
    secret.sealed = query.blob();
    secret.set_at = query.time();
    secrets.push_back(std::move(secret));
  }
  return secrets;
}

void write_secrets(Connection& connection, const ApplicationRecord& record) {
  connection.query(kDropSecrets).with(record.app.id).run();
  std::int64_t position = 0;
  for (const auto& secret : record.secrets) {
    connection.query(kAddSecret)
        .with(record.app.id, position++, to_string(secret.purpose), secret.sealed, secret.set_at)
        .run();
  }
}

bool write_application(Connection& connection, const Application& app, bool present) {
  const auto scopes = join_netstrings(app.scopes);
  const auto return_to = join_netstrings(app.return_to);
  auto query = connection.query(present ? kReplace : kInsert);
  query.with(app.id, app.name, app.provider, app.client_id, app.v3_client_id, app.mode == Mode::simulated,
             app.redirect_uri, scopes, return_to, app.created_at, app.updated_at, app.revision, app.webhook_url);
  if (present) query.with(app.id);
  return query.run_unless_constrained();
}

std::optional<std::uint64_t> revision_of(Connection& connection, const AppId& app) {
  auto query = connection.query(kRevision);
  if (!query.with(app).step()) return std::nullopt;
  return static_cast<std::uint64_t>(query.integer());
}

}  // namespace

Result<std::vector<ApplicationRecord>> applications(Connection& connection) {
  std::vector<ApplicationRecord> all;
  {
    auto query = connection.query(kAll);
    while (query.step()) all.push_back(read_application(query));
  }
  for (auto& record : all) {
    auto secrets = secrets_of(connection, record.app.id);
    if (!secrets) return fail(std::move(secrets.error()));
    record.secrets = std::move(*secrets);
  }
  return all;
}

Result<void> put_application(Connection& connection, const ApplicationRecord& record) {
  const Application& app = record.app;
  if (app.id.empty() || app.name.empty() || app.revision == 0) {
    return fail(ErrorCode::invalid_argument, "an application has an id, a name and a revision");
  }
  const auto revision = revision_of(connection, app.id);
  if (!revision && app.revision != 1) return fail(ErrorCode::not_found, "there is no application " + app.id.str());
  if (revision && *revision + 1 != app.revision) {
    return fail(ErrorCode::conflict, "application " + app.name + " was changed by somebody else");
  }
  if (!write_application(connection, app, revision.has_value())) {
    return fail(ErrorCode::conflict, "there is an application " + app.name + " already");
  }
  write_secrets(connection, record);
  return {};
}

Result<void> remove_application(Connection& connection, const AppId& app) {
  if (app.empty() || !revision_of(connection, app)) {
    return fail(ErrorCode::not_found, "there is no application " + app.str());
  }
  for (const char* sql : kRemoveAll) connection.query(sql).with(app).run();
  return {};
}

}  // namespace keyfob::sqlite
