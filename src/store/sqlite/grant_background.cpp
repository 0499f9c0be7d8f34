// Due work, abandoned attempts, and what an application's refreshes have looked like.
#include <algorithm>

#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/grant_row.hpp"

namespace keyfob::sqlite {
namespace {

constexpr std::int64_t kMinutesKept = 24 * 60;

// The conditions on the status are those of the indexes, word for word: that is what makes SQLite use them.
constexpr char kDue[] =
    "SELECT " KEYFOB_GRANT_COLUMNS
    "FROM grants g WHERE g.app_id = ? AND g.status <> 'revoked' AND g.due_at <= ? ORDER BY g.due_at LIMIT ?";
constexpr char kUnsettled[] =
    "SELECT " KEYFOB_GRANT_COLUMNS
    "FROM grants g WHERE g.app_id = ? AND g.status IN ('suspect', 'revoking') AND g.due_at <= ? "
    "ORDER BY g.due_at LIMIT ?";
constexpr char kHold[] = "UPDATE grants SET due_at = ? WHERE number = ?";

constexpr char kOldestDue[] =
    "SELECT due_at FROM grants WHERE app_id = ? AND status <> 'revoked' ORDER BY due_at LIMIT 1";
constexpr char kHowManyDue[] =
    "SELECT count(*) FROM (SELECT 1 FROM grants WHERE app_id = ? AND status <> 'revoked' AND due_at <= ? LIMIT ?)";
constexpr char kRenewFirst[] =
    "SELECT renew_by FROM grants WHERE app_id = ? AND status IN ('active', 'suspect') AND renew_by <= ? "
    "ORDER BY renew_by LIMIT 1";

constexpr char kAbandoned[] =
    "SELECT " KEYFOB_GRANT_COLUMNS
    "FROM grants g WHERE g.attempt_id IS NOT NULL AND (g.lease_boot <> ? OR g.lease_until_boot_ms <= ? OR "
    "(g.attempt_node = ? AND g.attempt_incarnation < ?)) ORDER BY g.lease_until_boot_ms DESC LIMIT ?";

constexpr char kCount[] =
    "INSERT INTO refresh_counts (app_id, minute, node_id, refreshed, last_grant, last_at) VALUES (?, ?, ?, 1, ?, ?) "
    "ON CONFLICT (app_id, minute, node_id) DO UPDATE SET refreshed = refresh_counts.refreshed + 1, "
    "other_grant = CASE WHEN refresh_counts.last_grant = excluded.last_grant THEN refresh_counts.other_grant "
    "ELSE refresh_counts.last_grant END, "
    "other_at = CASE WHEN refresh_counts.last_grant = excluded.last_grant THEN refresh_counts.other_at "
    "ELSE refresh_counts.last_at END, "
    "last_grant = excluded.last_grant, last_at = excluded.last_at";
constexpr char kIsNewMinute[] = "SELECT 1 FROM refresh_counts WHERE app_id = ? AND minute = ? AND node_id = ?";
constexpr char kForgetCounts[] = "DELETE FROM refresh_counts WHERE app_id = ? AND minute < ?";

constexpr char kSuccesses[] =
    "SELECT refreshed, (last_grant <> ?) OR (other_grant <> ? AND other_at >= ?) FROM refresh_counts "
    "WHERE app_id = ? AND minute >= ? AND last_at >= ?";
constexpr char kRefused[] = "SELECT count(*) FROM grants WHERE app_id = ? AND last_refused_at >= ?";
constexpr char kReopen[] =
    "UPDATE grants SET status = 'suspect', due_at = ? WHERE app_id = ? AND status = 'needs_reauth' AND "
    "last_refused_at >= ?";

std::int64_t minute_of(WallTime t) { return std::chrono::floor<minutes>(t.time_since_epoch()).count(); }

/// The rows are read before the first of them is moved: the statement walks the very index that moving changes.
void claim(Connection& connection, const char* sql, std::size_t limit, const DueShare& share, const Claim& claim,
           StoreTime now, std::vector<GrantRecord>& claimed) {
  if (limit == 0) return;
  std::vector<GrantRow> rows;
  {
    auto query = connection.query(sql);
    query.with(share.app, claim.wall, limit);
    while (query.step()) rows.push_back(read_grant(query, now));
  }
  for (auto& row : rows) {
    row.record.grant.due_at = claim.wall + claim.hold;
    connection.query(kHold).with(row.record.grant.due_at, row.number).run();
    claimed.push_back(std::move(row.record));
  }
}

}  // namespace

Result<std::vector<GrantRecord>> claim_due(Connection& connection, const Claim& work, StoreTime now) {
  std::vector<GrantRecord> claimed;
  for (const DueShare& share : work.shares) {
    const std::size_t before = claimed.size();
    claim(connection, kUnsettled, std::min(share.unsettled, share.limit), share, work, now, claimed);
    claim(connection, kDue, share.limit - (claimed.size() - before), share, work, now, claimed);
  }
  return claimed;
}

Result<DueOutlook> outlook(Connection& connection, const AppId& app, WallTime wall, std::size_t count_at_most) {
  DueOutlook outlook;
  {
    auto query = connection.query(kOldestDue);
    if (query.with(app).step()) outlook.oldest_due = query.time();
  }
  {
    auto query = connection.query(kHowManyDue);
    if (query.with(app, wall, count_at_most).step()) outlook.due = static_cast<std::size_t>(query.integer());
  }
  auto query = connection.query(kRenewFirst);
  if (query.with(app, wall).step()) outlook.renew_first = query.time();
  return outlook;
}

Result<std::vector<GrantRecord>> abandoned(Connection& connection, const NodeIdentity& node, std::size_t limit,
                                           StoreTime now) {
  auto query = connection.query(kAbandoned);
  query.with(now.boot_id, now.boot_ms, node.id, node.incarnation, limit);
  return read_grants(query, now);
}

void count_success(Connection& connection, const CommitRequest& request) {
  const auto minute = minute_of(request.rotated_at);
  bool known = false;
  {
    auto query = connection.query(kIsNewMinute);
    known = query.with(request.pair.app, minute, request.node.id).step();
  }
  connection.query(kCount)
      .with(request.pair.app, minute, request.node.id, request.pair.grant, request.rotated_at)
      .run();
  if (!known) connection.query(kForgetCounts).with(request.pair.app, minute - kMinutesKept).run();
}

Result<RefreshHealth> health(Connection& connection, const GrantRef& asking, WallTime since) {
  RefreshHealth health;
  {
    auto query = connection.query(kSuccesses);
    query.with(asking.grant, asking.grant, since, asking.app, minute_of(since), since);
    while (query.step()) {
      health.refreshed += static_cast<std::uint64_t>(query.integer());
      health.other_refreshed = query.flag() || health.other_refreshed;
    }
  }
  auto refused = connection.query(kRefused);
  if (refused.with(asking.app, since).step()) health.refused_grants = static_cast<std::uint64_t>(refused.integer());
  return health;
}

Result<std::size_t> reopen_refused(Connection& connection, const AppId& app, WallTime since, WallTime due_at) {
  connection.query(kReopen).with(due_at, app, since).run();
  return connection.changes();
}

}  // namespace keyfob::sqlite
