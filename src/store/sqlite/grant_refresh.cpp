// Begin, commit and update: each is a look at the row and one conditional write, alone in the writer's transaction.
#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/grant_row.hpp"
#include "store/sqlite/outbox_queries.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kFirstAttempt[] =
    "UPDATE grants SET attempt_id = ?, attempt_node = ?, attempt_incarnation = ?, attempt_stranded = ?, lease_boot = "
    "?, "
    "lease_until_boot_ms = ?, first_sent_boot = ?, first_sent_boot_ms = ?, first_sent_at = ? WHERE number = ?";
constexpr char kNextAttempt[] =
    "UPDATE grants SET attempt_id = ?, attempt_node = ?, attempt_incarnation = ?, attempt_stranded = ?, lease_boot = "
    "?, "
    "lease_until_boot_ms = ? WHERE number = ?";

#define KEYFOB_NO_ATTEMPT                                                                         \
  "attempt_id = NULL, attempt_node = NULL, attempt_incarnation = NULL, attempt_stranded = NULL, " \
  "first_sent_boot = NULL, first_sent_boot_ms = NULL, first_sent_at = NULL, lease_boot = NULL, "  \
  "lease_until_boot_ms = NULL"

constexpr char kStorePair[] =
    "UPDATE grants SET access_sealed = ?, refresh_sealed = ?, access_expires_at = ?, refresh_expires_at = ?, "
    "generation = ?, status = ?, scope = ?, rotated_at = ?, updated_at = ?, due_at = ?, renew_by = ?, refused_count = "
    "0, "
    "first_refused_at = NULL, last_refused_at = NULL, refused_certain = 0, refused_after_unknown = 0, "
    "refused_reason = NULL, " KEYFOB_NO_ATTEMPT " WHERE number = ?";

constexpr char kChange[] =
    "UPDATE grants SET status = ?, due_at = ?, updated_at = ?, refused_count = ?, first_refused_at = ?, "
    "last_refused_at = ?, refused_certain = ?, refused_after_unknown = ?, refused_reason = ?, attention_reason = ?, "
    "attention_vehicle = ?, attention_since = ? WHERE number = ?";
constexpr char kClearAttempt[] = "UPDATE grants SET " KEYFOB_NO_ATTEMPT " WHERE number = ?";
constexpr char kForgetTokens[] =
    "UPDATE grants SET access_sealed = ?, refresh_sealed = ?, association_mac = ?, epoch = ? WHERE number = ?";
constexpr char kForgetLate[] = "DELETE FROM late_pairs WHERE app_id = ? AND grant_id = ?";

std::unexpected<Error> no_such_grant(const GrantRef& ref) {
  return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
}

bool may_begin(const std::optional<Attempt>& held, const BeginRequest& request) {
  if (!held || held->lease_left <= Milliseconds(0)) return true;
  if (held->node == request.node.id && held->incarnation < request.node.incarnation) return true;
  // The same id again is a Begin whose acknowledgement was lost.
  return held->id == request.attempt || held->id == request.replaces;
}

Attempt next_attempt(const std::optional<Attempt>& held, const BeginRequest& request) {
  Attempt next{request.attempt, request.node.id, request.node.incarnation,
               Milliseconds(0), request.lease,   std::nullopt};
  if (held) {
    next.since_first_sent = held->since_first_sent;
    next.stranded = held->node == request.node.id ? held->stranded : held->node;
  }
  return next;
}

void write_attempt(Connection& connection, const GrantRow& row, bool first, StoreTime now) {
  const Attempt& attempt = *row.record.grant.attempt;
  auto query = connection.query(first ? kFirstAttempt : kNextAttempt);
  query.with(attempt.id, attempt.node, attempt.incarnation, attempt.stranded, now.boot_id,
             now.boot_ms + attempt.lease_left.count());
  if (first) query.with(now.boot_id, now.boot_ms, now.wall_ms);
  query.with(row.number).run();
}

void apply(const CommitRequest& request, GrantRecord& record) {
  Grant& grant = record.grant;
  record.sealed = request.pair.sealed;
  grant.access_expires_at = request.pair.access_expires_at;
  grant.refresh_expires_at = request.pair.refresh_expires_at;
  grant.version.generation = grant.version.generation.next();
  if (grant.status != GrantStatus::revoking) grant.status = GrantStatus::active;
  if (!request.pair.scope.empty()) grant.scope = request.pair.scope;
  grant.rotated_at = request.rotated_at;
  grant.updated_at = request.rotated_at;
  grant.due_at = request.due_at;
  grant.renew_by = request.renew_by;
  grant.refusals = {};
  grant.attempt.reset();
}

void apply(const GrantChange& change, WallTime wall, GrantRecord& record) {
  Grant& grant = record.grant;
  if (change.status) grant.status = *change.status;
  if (change.refusals) grant.refusals = *change.refusals;
  if (change.due_at) grant.due_at = *change.due_at;
  if (change.attention) grant.attention = *change.attention;
  grant.updated_at = wall;
  const bool cleared = change.clear_attempt && grant.attempt && grant.attempt->id == *change.clear_attempt;
  if (cleared || change.forget_tokens) grant.attempt.reset();
  if (!change.forget_tokens) return;
  record.sealed = {};
  record.association_mac = change.association_mac;
  grant.version.epoch = grant.version.epoch.next();
}

void write_change(Connection& connection, const GrantRow& row, bool clear_attempt, bool forget_tokens) {
  const Grant& grant = row.record.grant;
  {
    auto query = connection.query(kChange);
    query.with(to_string(grant.status), grant.due_at, grant.updated_at);
    bind_refusals(query, grant.refusals);
    bind_attention(query, grant.attention);
    query.with(row.number).run();
  }
  if (clear_attempt) connection.query(kClearAttempt).with(row.number).run();
  if (!forget_tokens) return;
  const SealedPair& sealed = row.record.sealed;
  connection.query(kForgetTokens)
      .with(sealed.access, sealed.refresh, row.record.association_mac, grant.version.epoch, row.number)
      .run();
  connection.query(kForgetLate).with(grant.app, grant.id).run();
}

}  // namespace

Result<BeginOutcome> begin(Connection& connection, const BeginRequest& request, StoreTime now) {
  auto row = read_row(connection, request.ref, now);
  if (!row) return no_such_grant(request.ref);
  Grant& grant = row->record.grant;
  if (grant.version != request.at || grant.status == GrantStatus::revoked) return Moved{std::move(row->record)};
  if (!may_begin(grant.attempt, request)) return Busy{grant.attempt->lease_left};
  const bool first = !grant.attempt;
  grant.attempt = next_attempt(grant.attempt, request);
  write_attempt(connection, *row, first, now);
  return Begun{std::move(row->record)};
}

Result<CommitOutcome> commit(Connection& connection, const CommitRequest& request, StoreTime now) {
  const GrantRef ref{request.pair.app, request.pair.grant};
  auto row = read_row(connection, ref, now);
  if (!row) return no_such_grant(ref);
  Grant& grant = row->record.grant;
  if (grant.version != request.pair.at || grant.status == GrantStatus::revoked) return Moved{std::move(row->record)};
  add_notices(connection, request.notices, grant.status);
  apply(request, row->record);
  connection.query(kStorePair)
      .with(row->record.sealed.access, row->record.sealed.refresh, grant.access_expires_at, grant.refresh_expires_at,
            grant.version.generation, to_string(grant.status), grant.scope, grant.rotated_at, grant.updated_at,
            grant.due_at, grant.renew_by, row->number)
      .run();
  count_success(connection, request);
  return Committed{std::move(row->record)};
}

Result<UpdateOutcome> update(Connection& connection, const UpdateRequest& request, StoreTime now) {
  auto row = read_row(connection, request.ref, now);
  if (!row) return no_such_grant(request.ref);
  if (row->record.grant.version != request.at) return Moved{std::move(row->record)};
  const bool held = row->record.grant.attempt.has_value();
  add_notices(connection, request.change.notices, row->record.grant.status);
  apply(request.change, request.wall, row->record);
  write_change(connection, *row, held && !row->record.grant.attempt, request.change.forget_tokens);
  return Updated{std::move(row->record)};
}

}  // namespace keyfob::sqlite
