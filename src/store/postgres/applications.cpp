#include <algorithm>

#include "base/text_list.hpp"
#include "store/postgres/directory_dialogues.hpp"

namespace keyfob::postgres {
namespace {

constexpr char kAll[] =
    "SELECT app_id, name, provider, client_id, v3_client_id, simulated, redirect_uri, scopes, return_to, created_at, "
    "updated_at, revision, webhook_url FROM applications ORDER BY app_id";
constexpr char kSecrets[] = "SELECT app_id, purpose, sealed, set_at FROM application_secrets ORDER BY app_id, position";
constexpr char kRevision[] = "SELECT revision FROM applications WHERE app_id = $1 FOR UPDATE";
constexpr char kNameTaken[] = "SELECT 1 FROM applications WHERE name = $1 AND app_id <> $2";
constexpr char kInsert[] =
    "INSERT INTO applications (app_id, name, provider, client_id, v3_client_id, simulated, redirect_uri, scopes, "
    "return_to, created_at, updated_at, revision, webhook_url) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
    "$12, $13) "
    "ON CONFLICT DO NOTHING RETURNING 1";
constexpr char kReplace[] =
    "UPDATE applications SET (app_id, name, provider, client_id, v3_client_id, simulated, redirect_uri, scopes, "
    "return_to, created_at, updated_at, revision, webhook_url) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
    "$13) "
    "WHERE app_id = $1 RETURNING 1";
constexpr char kDropSecrets[] = "DELETE FROM application_secrets WHERE app_id = $1";
constexpr char kAddSecret[] =
    "INSERT INTO application_secrets (app_id, position, purpose, sealed, set_at) VALUES ($1, $2, $3, $4, $5)";

constexpr const char* kRemoveAll[] = {"DELETE FROM grants WHERE app_id = $1",
                                      "DELETE FROM grant_vehicles WHERE app_id = $1",
                                      "DELETE FROM removed_grants WHERE app_id = $1",
                                      "DELETE FROM late_pairs WHERE app_id = $1",
                                      "DELETE FROM refresh_counts WHERE app_id = $1",
                                      "DELETE FROM callers WHERE app_id = $1",
                                      "DELETE FROM consents WHERE app_id = $1",
                                      "DELETE FROM data_keys WHERE app_id = $1",
                                      "DELETE FROM application_secrets WHERE app_id = $1",
                                      "DELETE FROM data_key_holders WHERE app_id = $1",
                                      "DELETE FROM outbox WHERE destination = $1",
                                      "DELETE FROM marks WHERE app_id = $1",
                                      "DELETE FROM application_tokens WHERE app_id = $1",
                                      "DELETE FROM applications WHERE app_id = $1"};

ApplicationRecord read_application(Rows& rows) {
  ApplicationRecord record;
  Application& app = record.app;
  app.id = rows.id<AppId>();
  app.name = rows.text();
  app.provider = rows.text();
  app.client_id = rows.text();
  app.v3_client_id = rows.text();
  app.mode = rows.flag() ? Mode::simulated : Mode::live;
  app.redirect_uri = rows.text();
  app.scopes = split_netstrings(rows.text()).value_or(std::vector<std::string>());
  app.return_to = split_netstrings(rows.text()).value_or(std::vector<std::string>());
  app.created_at = rows.time();
  app.updated_at = rows.time();
  app.revision = static_cast<std::uint64_t>(rows.integer());
  app.webhook_url = rows.text();
  return record;
}

Result<SealedSecret> read_secret(Rows& rows, const AppId& app) {
  SealedSecret secret;
  const auto purpose = secret_purpose_from(rows.text());
  if (!purpose) {
    return fail(ErrorCode::damaged, "application " + app.str() + " has a secret of an unknown purpose");
  }
  secret.purpose = *purpose;
  secret.sealed = rows.blob();
  secret.set_at = rows.time();
  return secret;
}

void write_secrets(Dialogue& dialogue, const ApplicationRecord& record) {
  dialogue.ask(kDropSecrets, record.app.id);
  std::int64_t position = 0;
  for (const auto& secret : record.secrets) {
    dialogue.ask(kAddSecret, record.app.id, position++, to_string(secret.purpose), secret.sealed, secret.set_at);
  }
}

bool write_application(Dialogue& dialogue, const Application& app, bool present) {
  if (dialogue.ask(kNameTaken, app.name, app.id).next()) return false;
  return dialogue
      .ask(present ? kReplace : kInsert, app.id, app.name, app.provider, app.client_id, app.v3_client_id,
           app.mode == Mode::simulated, app.redirect_uri, join_netstrings(app.scopes), join_netstrings(app.return_to),
           app.created_at, app.updated_at, app.revision, app.webhook_url)
      .next();
}

std::optional<std::uint64_t> revision_of(Dialogue& dialogue, const AppId& app) {
  auto rows = dialogue.ask(kRevision, app);
  if (!rows.next()) return std::nullopt;
  return static_cast<std::uint64_t>(rows.integer());
}

}  // namespace

Result<std::vector<ApplicationRecord>> applications(Dialogue& dialogue) {
  std::vector<ApplicationRecord> all;
  auto rows = dialogue.ask(kAll);
  while (rows.next()) all.push_back(read_application(rows));
  auto secrets = dialogue.ask(kSecrets);
  while (secrets.next()) {
    const AppId app = secrets.id<AppId>();
    const auto of_it = [&](const ApplicationRecord& record) { return record.app.id == app; };
    const auto owner = std::ranges::find_if(all, of_it);
    if (owner == all.end()) continue;  // it was added between the two look-ups
    auto secret = read_secret(secrets, app);
    if (!secret) return fail(std::move(secret.error()));
    owner->secrets.push_back(std::move(*secret));
  }
  return all;
}

Result<void> put_application(Dialogue& dialogue, const ApplicationRecord& record) {
  const Application& app = record.app;
  if (app.id.empty() || app.name.empty() || app.revision == 0) {
    return fail(ErrorCode::invalid_argument, "an application has an id, a name and a revision");
  }
  const auto revision = revision_of(dialogue, app.id);
  if (!revision && app.revision != 1) return fail(ErrorCode::not_found, "there is no application " + app.id.str());
  if (revision && *revision + 1 != app.revision) {
    return fail(ErrorCode::conflict, "application " + app.name + " was changed by somebody else");
  }
  if (!write_application(dialogue, app, revision.has_value())) {
    return fail(ErrorCode::conflict, "there is an application " + app.name + " already");
  }
  write_secrets(dialogue, record);
  note_change(dialogue, app.id);
  return {};
}

Result<void> remove_application(Dialogue& dialogue, const AppId& app) {
  if (app.empty() || !revision_of(dialogue, app)) {
    return fail(ErrorCode::not_found, "there is no application " + app.str());
  }
  dialogue.take_your_time();
  for (const char* sql : kRemoveAll) dialogue.ask(sql, app);
  note_change(dialogue, app);
  return {};
}

}  // namespace keyfob::postgres
