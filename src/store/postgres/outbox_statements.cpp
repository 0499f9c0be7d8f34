#include "store/postgres/outbox_statements.hpp"

#include <algorithm>

#include "store/postgres/grant_row.hpp"

namespace keyfob::postgres {
namespace {

#define KEYFOB_OUTBOX_ADD \
  "INSERT INTO outbox (event_id, destination, app_id, stream, name, body, created_at, due_at, attempts) "
#define KEYFOB_OUTBOX_VALUES "$1, $2, $3, $4, $5, $6, $7, 0, 0"

constexpr char kAdd[] = KEYFOB_OUTBOX_ADD "VALUES (" KEYFOB_OUTBOX_VALUES ")";
constexpr char kAddIf[] = KEYFOB_OUTBOX_ADD
    "SELECT " KEYFOB_OUTBOX_VALUES
    " FROM grants AS g WHERE g.app_id = $3 AND g.grant_id = $8 AND g.generation = $9 AND g.epoch = $10 AND "
    "g.status = ANY ($11) FOR UPDATE OF g";
// Nonces are random: no two puts have the same sealed token.
constexpr char kAddIfStored[] =
    KEYFOB_OUTBOX_ADD "SELECT " KEYFOB_OUTBOX_VALUES
                      " FROM grants AS g WHERE g.app_id = $3 AND g.grant_id = $8 AND g.refresh_sealed = $9";
constexpr char kDropUnlessStored[] =
    "DELETE FROM outbox WHERE destination = $1 AND stream = $2 AND event_id = $3 AND NOT EXISTS "
    "(SELECT 1 FROM grants AS g WHERE g.app_id = $4 AND g.grant_id = $5 AND g.refresh_sealed = $6)";

// Rows that another node is claiming are not waited for.
constexpr char kClaim[] =
    "WITH heads AS (SELECT o.position FROM outbox AS o WHERE o.destination = $1 AND o.due_at <= " KEYFOB_NOW
    " AND NOT EXISTS (SELECT 1 FROM outbox AS e WHERE e.destination = o.destination AND e.stream = o.stream AND "
    "e.position < o.position) ORDER BY o.position LIMIT $2 FOR UPDATE OF o SKIP LOCKED) "
    "UPDATE outbox AS o SET due_at = " KEYFOB_NOW
    " + $3, attempts = o.attempts + 1 FROM heads WHERE o.position = heads.position "
    "RETURNING o.position, o.event_id, o.destination, o.app_id, o.stream, o.name, o.body, o.created_at, o.attempts";
constexpr char kPutOff[] = "UPDATE outbox SET due_at = " KEYFOB_NOW " + $2 WHERE position = $1";
constexpr char kDone[] = "DELETE FROM outbox WHERE position = $1";
constexpr char kDepths[] =
    "SELECT destination, count(*), max(attempts), min(created_at) FROM outbox GROUP BY destination "
    "ORDER BY destination";

constexpr char kForgetMarks[] = "DELETE FROM marks WHERE until <= $1";
constexpr char kSetMark[] =
    "INSERT INTO marks (app_id, name, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1";
constexpr char kKeepMark[] = "UPDATE marks SET until = $3 WHERE app_id = $1 AND name = $2 AND until < $3";
constexpr char kTakeMark[] = "DELETE FROM marks WHERE app_id = $1 AND name = $2 RETURNING 1";

Call add_call(const char* sql, const OutboxRow& row) {
  return call(sql, row.id, row.destination, row.app, row.stream, row.name, to_bytes(row.body), row.at);
}

std::vector<std::string_view> names_of(const std::vector<GrantStatus>& statuses) {
  std::vector<std::string_view> names;
  for (const GrantStatus status : statuses) names.push_back(to_string(status));
  return names;
}

/// Empty: every status.
std::vector<std::string_view> statuses_of(const Notice& notice) {
  if (!notice.from.empty()) return names_of(notice.from);
  using enum GrantStatus;
  return names_of({active, suspect, needs_reauth, revoking, revoked});
}

Call conditional(const Notice& notice, const GrantRef& ref, GrantVersion at) {
  Call made = add_call(kAddIf, notice.row);
  made.arguments.add(ref.grant, at.generation, at.epoch, statuses_of(notice));
  return made;
}

bool change(Dialogue& dialogue, const Mark& mark, WallTime now) {
  dialogue.ask(kForgetMarks, now);
  if (!mark.until) return dialogue.ask(kTakeMark, mark.app, mark.name).next();
  if (dialogue.ask(kSetMark, mark.app, mark.name, *mark.until).next()) return true;
  dialogue.ask(kKeepMark, mark.app, mark.name, *mark.until);
  return false;
}

}  // namespace

void add_notice_calls(std::vector<Call>& calls, const GrantRef& ref, GrantVersion at,
                      const std::vector<Notice>& notices) {
  for (const Notice& notice : notices) calls.push_back(conditional(notice, ref, at));
}

std::string statuses_told(const Notice& notice) {
  std::string told;
  for (const std::string_view status : statuses_of(notice)) told.append(" ").append(status).append(" ");
  return told;
}

PutNotices put_notice_calls(const PutRequest& request) {
  PutNotices calls;
  const Grant& grant = request.record.grant;
  const Bytes& sealed = request.record.sealed.refresh;
  const GrantRef ref{grant.app, grant.id};
  for (const Notice& notice : request.notices) {
    const OutboxRow& row = notice.row;
    if (notice.from.empty()) {
      Call made = add_call(kAddIfStored, row);
      made.arguments.add(grant.id, sealed);
      calls.after.push_back(std::move(made));
    } else if (request.replaces) {
      calls.before.push_back(conditional(notice, ref, *request.replaces));
      calls.after.push_back(call(kDropUnlessStored, row.destination, row.stream, row.id, grant.app, grant.id, sealed));
    }
  }
  return calls;
}

Result<bool> tell(Dialogue& dialogue, const std::vector<OutboxRow>& rows, const std::optional<Mark>& mark,
                  WallTime now) {
  if (mark && !change(dialogue, *mark, now)) return false;
  std::vector<Call> calls;
  for (const OutboxRow& row : rows) calls.push_back(add_call(kAdd, row));
  if (!calls.empty()) dialogue.tell(calls);
  return true;
}

Question claim_outbox_question(const std::string& destination, std::size_t limit, Milliseconds hold) {
  return {{}, {call(kClaim, destination, limit, hold)}};
}

std::vector<ClaimedRow> read_claimed_rows(Rows& rows) {
  std::vector<ClaimedRow> claimed;
  while (rows.next()) {
    ClaimedRow one;
    OutboxRow& row = one.row;
    one.position = static_cast<std::uint64_t>(rows.integer());
    row.id = rows.text();
    row.destination = rows.text();
    row.app = rows.id<AppId>();
    row.stream = rows.text();
    row.name = rows.text();
    row.body = as_text(rows.blob());
    row.at = rows.time();
    one.attempts = static_cast<std::uint32_t>(rows.integer());
    claimed.push_back(std::move(one));
  }
  std::ranges::sort(claimed, {}, &ClaimedRow::position);
  return claimed;
}

Question settle_outbox_question(const std::vector<Settled>& rows) {
  Question question;
  for (const Settled& row : rows) {
    question.calls.push_back(row.retry_after ? call(kPutOff, row.position, *row.retry_after)
                                             : call(kDone, row.position));
  }
  return question;
}

Question outbox_depths_question() { return {{}, {call(kDepths)}}; }

std::vector<OutboxDepth> read_outbox_depths(Rows& rows) {
  std::vector<OutboxDepth> depths;
  while (rows.next()) {
    OutboxDepth depth;
    depth.destination = rows.text();
    depth.rows = static_cast<std::uint64_t>(rows.integer());
    depth.attempts = static_cast<std::uint32_t>(rows.integer());
    depth.oldest = rows.time();
    depths.push_back(std::move(depth));
  }
  return depths;
}

}  // namespace keyfob::postgres
