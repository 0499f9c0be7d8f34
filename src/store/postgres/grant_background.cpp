// Due work, abandoned attempts, and what an application's refreshes have looked like.
#include <algorithm>

#include "store/postgres/grant_row.hpp"
#include "store/postgres/grant_statements.hpp"

namespace keyfob::postgres {
namespace {

// Rows that another node is claiming are not waited for.
constexpr char kClaim[] =
    "WITH due AS (SELECT app_id, grant_id, due_at FROM grants WHERE status <> 'revoked' AND due_at <= $1 "
    "ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) "
    "UPDATE grants AS g SET due_at = $3 FROM due WHERE g.app_id = due.app_id AND g.grant_id = due.grant_id "
    "RETURNING due.due_at, " KEYFOB_GRANT_COLUMNS;

constexpr char kAbandoned[] =
    "SELECT " KEYFOB_GRANT_COLUMNS " FROM grants AS g WHERE g.attempt_id IS NOT NULL AND (g.lease_until <= " KEYFOB_NOW
    " OR (g.attempt_node = $1 AND g.attempt_incarnation < $2)) LIMIT $3";

constexpr char kSuccesses[] =
    "SELECT refreshed, (last_grant <> $2) OR COALESCE(other_grant <> $2 AND other_at >= $3, false) "
    "FROM refresh_counts WHERE app_id = $1 AND minute >= $4 AND last_at >= $3";
constexpr char kRefused[] = "SELECT count(*) FROM grants WHERE app_id = $1 AND last_refused_at >= $2";
constexpr char kReopen[] = "UPDATE grants SET status = 'suspect', due_at = $3, changed_xid = " KEYFOB_XID
                           ", changed_by = $4 WHERE app_id = $1 AND status = 'needs_reauth' AND last_refused_at >= $2";

}  // namespace

Question claim_due_question(WallTime now, Milliseconds hold, std::size_t limit) {
  return {{}, {call(kClaim, now, limit, now + hold)}};
}

std::vector<GrantRecord> read_claimed(Rows& rows) {
  std::vector<std::pair<WallTime, GrantRecord>> claimed;
  claimed.reserve(rows.count());
  while (rows.next()) {
    const auto was_due = rows.time();
    claimed.emplace_back(was_due, read_grant(rows));
  }
  std::ranges::stable_sort(claimed, {}, [](const auto& entry) { return entry.first; });
  std::vector<GrantRecord> records;
  records.reserve(claimed.size());
  for (auto& [was_due, record] : claimed) records.push_back(std::move(record));
  return records;
}

Question abandoned_question(const NodeIdentity& node, std::size_t limit) {
  return {{}, {call(kAbandoned, node.id, node.incarnation, limit)}};
}

Question health_question(const GrantRef& asking, WallTime since) {
  return {{}, {call(kSuccesses, asking.app, asking.grant, since, minute_of(since)), call(kRefused, asking.app, since)}};
}

RefreshHealth read_health(std::span<Rows> rows) {
  RefreshHealth health;
  while (rows[0].next()) {
    health.refreshed += static_cast<std::uint64_t>(rows[0].integer());
    health.other_refreshed = rows[0].flag() || health.other_refreshed;
  }
  if (rows[1].next()) health.refused_grants = static_cast<std::uint64_t>(rows[1].integer());
  return health;
}

Question reopen_question(const AppId& app, WallTime since, WallTime due_at, WriterId writer) {
  return {{}, {call(kReopen, app, since, due_at, writer)}};
}

}  // namespace keyfob::postgres
