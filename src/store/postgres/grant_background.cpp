// Due work, abandoned attempts, and what an application's refreshes have looked like.
#include <algorithm>

#include "store/postgres/grant_row.hpp"
#include "store/postgres/grant_statements.hpp"

namespace keyfob::postgres {
namespace {

// Rows that another node is claiming are not waited for. The conditions on the status are those of the indexes.
constexpr char kClaim[] =
    "WITH unsettled AS (SELECT app_id, grant_id, due_at, 0 AS rank FROM grants WHERE app_id = $1 AND "
    "status IN ('suspect', 'revoking') AND due_at <= $2 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED), "
    "settled AS (SELECT app_id, grant_id, due_at, 1 AS rank FROM grants AS s WHERE app_id = $1 AND "
    "status <> 'revoked' AND due_at <= $2 AND NOT EXISTS (SELECT 1 FROM unsettled AS u WHERE "
    "u.grant_id = s.grant_id) ORDER BY due_at LIMIT $4 - (SELECT count(*) FROM unsettled) FOR UPDATE SKIP LOCKED), "
    "due AS (SELECT * FROM unsettled UNION ALL SELECT * FROM settled) "
    "UPDATE grants AS g SET due_at = $5 FROM due WHERE g.app_id = due.app_id AND g.grant_id = due.grant_id "
    "RETURNING due.rank, due.due_at, " KEYFOB_GRANT_COLUMNS;

constexpr char kOldestDue[] =
    "SELECT due_at FROM grants WHERE app_id = $1 AND status <> 'revoked' ORDER BY due_at LIMIT 1";
// Those that had to be replaced by now are due, or were moved behind that line, for which there is an index.
constexpr char kHowManyDue[] =
    "SELECT count(*), min(CASE WHEN status IN ('active', 'suspect') AND renew_by <= $2 THEN renew_by END) FROM "
    "(SELECT status, renew_by FROM grants WHERE app_id = $1 AND status <> 'revoked' AND due_at <= $2 ORDER BY due_at "
    "LIMIT $3) AS due";
constexpr char kOverdue[] =
    "SELECT renew_by FROM grants WHERE app_id = $1 AND status IN ('active', 'suspect') AND renew_by < due_at AND "
    "renew_by <= $2 ORDER BY renew_by LIMIT 1";

constexpr char kAbandoned[] =
    "SELECT " KEYFOB_GRANT_COLUMNS " FROM grants AS g WHERE g.attempt_id IS NOT NULL AND (g.lease_until <= " KEYFOB_NOW
    " OR (g.attempt_node = $1 AND g.attempt_incarnation < $2)) ORDER BY g.lease_until DESC LIMIT $3";

constexpr char kSuccesses[] =
    "SELECT refreshed, (last_grant <> $2) OR COALESCE(other_grant <> $2 AND other_at >= $3, false) "
    "FROM refresh_counts WHERE app_id = $1 AND minute >= $4 AND last_at >= $3";
constexpr char kRefused[] = "SELECT count(*) FROM grants WHERE app_id = $1 AND last_refused_at >= $2";
constexpr char kReopen[] = "UPDATE grants SET status = 'suspect', due_at = $3, changed_xid = " KEYFOB_XID
                           ", changed_by = $4 WHERE app_id = $1 AND status = 'needs_reauth' AND last_refused_at >= $2";

}  // namespace

Question claim_due_question(const std::vector<DueShare>& shares, WallTime now, Milliseconds hold) {
  Question question;
  for (const auto& share : shares) {
    if (share.limit == 0) continue;
    question.calls.push_back(
        call(kClaim, share.app, now, std::min(share.unsettled, share.limit), share.limit, now + hold));
  }
  return question;
}

std::vector<GrantRecord> read_claimed(std::span<Rows> shares) {
  using Rank = std::pair<std::int64_t, WallTime>;
  std::vector<GrantRecord> records;
  for (auto& rows : shares) {
    std::vector<std::pair<Rank, GrantRecord>> claimed;
    while (rows.next()) {
      const auto rank = rows.integer();
      const auto was_due = rows.time();
      claimed.emplace_back(Rank(rank, was_due), read_grant(rows));
    }
    std::ranges::stable_sort(claimed, {}, [](const auto& entry) { return entry.first; });
    for (auto& [rank, record] : claimed) records.push_back(std::move(record));
  }
  return records;
}

Question outlook_question(const AppId& app, WallTime now, std::size_t count_at_most) {
  return {{}, {call(kOldestDue, app), call(kHowManyDue, app, now, count_at_most), call(kOverdue, app, now)}};
}

DueOutlook read_outlook(std::span<Rows> rows) {
  DueOutlook outlook;
  if (rows[0].next()) outlook.oldest_due = rows[0].time();
  if (rows[1].next()) {
    outlook.due = static_cast<std::size_t>(rows[1].integer());
    outlook.renew_first = rows[1].optional_time();
  }
  if (rows[2].next()) {
    const auto overdue = rows[2].time();
    outlook.renew_first = std::min(outlook.renew_first.value_or(overdue), overdue);
  }
  return outlook;
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
