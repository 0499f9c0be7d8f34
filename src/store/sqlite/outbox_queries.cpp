#include "store/sqlite/outbox_queries.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kAdd[] =
    "INSERT INTO outbox (event_id, destination, app_id, stream, name, body, created_at, due_boot, due_boot_ms, "
    "attempts) VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, 0)";
constexpr char kHeads[] =
    "SELECT o.position, o.event_id, o.destination, o.app_id, o.stream, o.name, o.body, o.created_at, o.attempts "
    "FROM outbox AS o WHERE o.destination = ? AND (o.due_boot <> ? OR o.due_boot_ms <= ?) AND NOT EXISTS "
    "(SELECT 1 FROM outbox AS e WHERE e.destination = o.destination AND e.stream = o.stream AND "
    "e.position < o.position) ORDER BY o.position LIMIT ?";
constexpr char kHold[] = "UPDATE outbox SET due_boot = ?, due_boot_ms = ?, attempts = ? WHERE position = ?";
constexpr char kPutOff[] = "UPDATE outbox SET due_boot = ?, due_boot_ms = ? WHERE position = ?";
constexpr char kDone[] = "DELETE FROM outbox WHERE position = ?";
constexpr char kDepths[] =
    "SELECT destination, count(*), max(attempts), min(created_at) FROM outbox GROUP BY destination "
    "ORDER BY destination";

constexpr char kForgetMarks[] = "DELETE FROM marks WHERE until <= ?";
constexpr char kIsMarked[] = "SELECT 1 FROM marks WHERE app_id = ? AND name = ?";
constexpr char kSetMark[] =
    "INSERT INTO marks (app_id, name, until) VALUES (?, ?, ?) ON CONFLICT (app_id, name) DO UPDATE SET "
    "until = max(marks.until, excluded.until)";
constexpr char kTakeMark[] = "DELETE FROM marks WHERE app_id = ? AND name = ?";

void add(Connection& connection, const OutboxRow& row) {
  const Bytes body = to_bytes(row.body);
  connection.query(kAdd).with(row.id, row.destination, row.app, row.stream, row.name, body, row.at).run();
}

bool change(Connection& connection, const Mark& mark, WallTime now) {
  connection.query(kForgetMarks).with(now).run();
  bool marked = false;
  {
    auto query = connection.query(kIsMarked);
    marked = query.with(mark.app, mark.name).step();
  }
  if (mark.until) connection.query(kSetMark).with(mark.app, mark.name, *mark.until).run();
  if (!mark.until && marked) connection.query(kTakeMark).with(mark.app, mark.name).run();
  return marked != mark.until.has_value();
}

ClaimedRow read_row(Query& query) {
  ClaimedRow claimed;
  OutboxRow& row = claimed.row;
  claimed.position = static_cast<std::uint64_t>(query.integer());
  row.id = query.text();
  row.destination = query.text();
  row.app = query.id<AppId>();
  row.stream = query.text();
  row.name = query.text();
  row.body = as_text(query.blob());
  row.at = query.time();
  claimed.attempts = static_cast<std::uint32_t>(query.integer()) + 1;
  return claimed;
}

}  // namespace

void add_notices(Connection& connection, const std::vector<Notice>& notices, std::optional<GrantStatus> before) {
  for (const Notice& notice : notices) {
    if (notice.fits(before)) add(connection, notice.row);
  }
}

Result<bool> tell(Connection& connection, const std::vector<OutboxRow>& rows, const std::optional<Mark>& mark,
                  WallTime now) {
  if (mark && !change(connection, *mark, now)) return false;
  for (const OutboxRow& row : rows) add(connection, row);
  return true;
}

Result<std::vector<ClaimedRow>> claim_outbox(Connection& connection, const OutboxClaim& claim, StoreTime now) {
  std::vector<ClaimedRow> claimed;
  {
    auto query = connection.query(kHeads);
    query.with(claim.destination, now.boot_id, now.boot_ms, claim.limit);
    while (query.step()) claimed.push_back(read_row(query));
  }
  for (const ClaimedRow& row : claimed) {
    connection.query(kHold).with(now.boot_id, now.boot_ms + claim.hold.count(), row.attempts, row.position).run();
  }
  return claimed;
}

Result<void> settle_outbox(Connection& connection, const std::vector<Settled>& rows, StoreTime now) {
  for (const Settled& row : rows) {
    if (row.retry_after) {
      connection.query(kPutOff).with(now.boot_id, now.boot_ms + row.retry_after->count(), row.position).run();
    } else {
      connection.query(kDone).with(row.position).run();
    }
  }
  return {};
}

Result<std::vector<OutboxDepth>> outbox_depths(Connection& connection) {
  std::vector<OutboxDepth> depths;
  auto query = connection.query(kDepths);
  while (query.step()) {
    OutboxDepth depth;
    depth.destination = query.text();
    depth.rows = static_cast<std::uint64_t>(query.integer());
    depth.attempts = static_cast<std::uint32_t>(query.integer());
    depth.oldest = query.time();
    depths.push_back(std::move(depth));
  }
  return depths;
}

}  // namespace keyfob::sqlite
