#include "store/postgres/census.hpp"

#include "store/postgres/schema.hpp"
#include "store/postgres/session.hpp"

namespace keyfob::postgres {
namespace {

constexpr char kCount[] = "SELECT status, count(*), count(attention_reason) FROM grants GROUP BY status";

constexpr char kRenewals[] =
    "SELECT CASE WHEN renew_by < $1 THEN -1 ELSE least((renew_by - $1) / 86400000, 1000) END, count(*) FROM grants "
    "WHERE status IN ('active', 'suspect') GROUP BY 1";

Result<std::unique_ptr<Session>> open(const Database& database) {
  Settings settings;
  settings.url = database.url;
  settings.own_backend = database.own_backend;
  return Session::open(settings);
}

}  // namespace

Result<GrantCounts> count_grants(const Database& database) {
  auto session = open(database);
  if (!session) return fail(session.error());
  auto outcome = (*session)->run(call(kCount));
  if (outcome.kind != Outcome::Kind::done) return fail(std::move(outcome.error));
  GrantCounts counts;
  Rows& rows = outcome.rows.front();
  while (rows.next()) {
    const auto status = grant_status_from(rows.text());
    const auto grants = static_cast<std::uint64_t>(rows.integer());
    if (status) counts.add(*status, grants);
    counts.attention += static_cast<std::uint64_t>(rows.integer());
  }
  return counts;
}

Result<Renewals> count_renewals(const Database& database, WallTime now) {
  auto session = open(database);
  if (!session) return fail(session.error());
  auto outcome = (*session)->run(call(kRenewals, now));
  if (outcome.kind != Outcome::Kind::done) return fail(std::move(outcome.error));
  Renewals renewals;
  Rows& rows = outcome.rows.front();
  while (rows.next()) {
    const auto day = rows.integer();
    renewals.add(day, static_cast<std::uint64_t>(rows.integer()));
  }
  return renewals;
}

Result<int> schema_of(const Database& database) {
  auto session = open(database);
  if (!session) return fail(session.error());
  return schema_of(**session);
}

int known_schema() { return migrations().back().number; }

}  // namespace keyfob::postgres
