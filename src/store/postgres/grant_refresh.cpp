// Begin, commit and update: one conditional statement each. When it finds no row, the reason is asked for apart.
#include "store/postgres/grant_row.hpp"
#include "store/postgres/grant_statements.hpp"
#include "store/postgres/outbox_statements.hpp"

namespace keyfob::postgres {
namespace {

#define KEYFOB_THIS_VERSION "g.app_id = $1 AND g.grant_id = $2 AND g.generation = $3 AND g.epoch = $4 "
#define KEYFOB_VERSION_OF_ROW \
  "g.app_id = $1 AND g.grant_id = r.grant_id AND g.generation = r.generation AND g.epoch = r.epoch "

// Begin and commit take any number of grants at once; see batch.hpp. $1 to $3 are common to all.
constexpr char kBegin[] =
    "UPDATE grants AS g SET attempt_id = r.attempt_id, attempt_node = $2, attempt_incarnation = $3, "
    "attempt_stranded = CASE WHEN g.attempt_id IS NULL THEN NULL WHEN g.attempt_node = $2 THEN g.attempt_stranded "
    "ELSE g.attempt_node END, first_sent_at = COALESCE(g.first_sent_at, " KEYFOB_NOW "), lease_until = " KEYFOB_NOW
    " + r.lease FROM unnest($4, $5, $6, $7, $8, $9) WITH ORDINALITY "
    "AS r (grant_id, generation, epoch, attempt_id, lease, replaces, number) "
    "WHERE " KEYFOB_VERSION_OF_ROW "AND g.status <> 'revoked' AND (g.attempt_id IS NULL OR g.lease_until <= " KEYFOB_NOW
    // The same id again is a Begin whose acknowledgement was lost.
    " OR (g.attempt_node = $2 AND g.attempt_incarnation < $3) OR g.attempt_id = r.attempt_id "
    "OR g.attempt_id = r.replaces) RETURNING " KEYFOB_GRANT_COLUMNS ", r.number";

// Of all that were stored, the two that were rotated last tell "another one" from "the one that asks".
constexpr char kCommit[] =
    "WITH stored AS (UPDATE grants AS g SET access_sealed = r.access_sealed, refresh_sealed = r.refresh_sealed, "
    "access_expires_at = r.access_expires_at, refresh_expires_at = r.refresh_expires_at, "
    "generation = g.generation + 1, status = CASE WHEN g.status = 'revoking' THEN g.status ELSE 'active' END, "
    "scope = CASE WHEN r.scope = '' THEN g.scope ELSE r.scope END, rotated_at = r.rotated_at, "
    "updated_at = r.rotated_at, due_at = r.due_at, renew_by = r.renew_by, refused_count = 0, first_refused_at = NULL, "
    "last_refused_at = NULL, refused_certain = false, refused_after_unknown = false, refused_reason = "
    "NULL, " KEYFOB_NO_ATTEMPT ", changed_xid = " KEYFOB_XID
    ", changed_by = $3 "
    "FROM unnest($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) WITH ORDINALITY "
    "AS r (grant_id, generation, epoch, access_sealed, refresh_sealed, access_expires_at, refresh_expires_at, scope, "
    "rotated_at, due_at, renew_by, minute, unless, number) "
    "WHERE " KEYFOB_VERSION_OF_ROW
    "AND g.status <> 'revoked' AND position(' ' || g.status || ' ' IN r.unless) = 0 RETURNING " KEYFOB_GRANT_COLUMNS
    ", r.minute, r.number), "
    "counted AS (INSERT INTO refresh_counts AS c "
    "(app_id, minute, node_id, lane, refreshed, last_grant, last_at, other_grant, other_at) "
    "SELECT $1, minute, $2, pg_backend_pid() % 64, count(*), (array_agg(grant_id ORDER BY rotated_at DESC, "
    "number))[1], "
    "max(rotated_at), (array_agg(grant_id ORDER BY rotated_at DESC, number))[2], "
    "(array_agg(rotated_at ORDER BY rotated_at DESC, number))[2] FROM stored GROUP BY minute "
    "ON CONFLICT (app_id, minute, node_id, lane) DO UPDATE SET refreshed = c.refreshed + excluded.refreshed, "
    "other_grant = CASE WHEN excluded.other_grant IS NOT NULL THEN excluded.other_grant "
    "WHEN c.last_grant = excluded.last_grant THEN c.other_grant ELSE c.last_grant END, "
    "other_at = CASE WHEN excluded.other_grant IS NOT NULL THEN excluded.other_at "
    "WHEN c.last_grant = excluded.last_grant THEN c.other_at ELSE c.last_at END, "
    "last_grant = excluded.last_grant, last_at = excluded.last_at) "
    "SELECT * FROM stored";

// Where a bool stands before them ($8, $15), it says whether the values behind it are given.
#define KEYFOB_CHANGE                                                                              \
  "UPDATE grants AS g SET status = COALESCE($5, g.status), due_at = COALESCE($6, g.due_at), "      \
  "updated_at = $7, refused_count = CASE WHEN $8 THEN $9 ELSE g.refused_count END, "               \
  "first_refused_at = CASE WHEN $8 THEN $10 ELSE g.first_refused_at END, "                         \
  "last_refused_at = CASE WHEN $8 THEN $11 ELSE g.last_refused_at END, "                           \
  "refused_certain = CASE WHEN $8 THEN $12 ELSE g.refused_certain END, "                           \
  "refused_after_unknown = CASE WHEN $8 THEN $13 ELSE g.refused_after_unknown END, "               \
  "refused_reason = CASE WHEN $8 THEN $14 ELSE g.refused_reason END, "                             \
  "attention_reason = CASE WHEN $15 THEN $16 ELSE g.attention_reason END, "                        \
  "attention_vehicle = CASE WHEN $15 THEN $17 ELSE g.attention_vehicle END, "                      \
  "attention_since = CASE WHEN $15 THEN $18 ELSE g.attention_since END, changed_xid = " KEYFOB_XID \
  ", changed_by = $19"
#define KEYFOB_CHANGED " WHERE " KEYFOB_THIS_VERSION "RETURNING " KEYFOB_GRANT_COLUMNS
#define KEYFOB_CLEARED(column) ", " column " = CASE WHEN g.attempt_id = $20 THEN NULL ELSE g." column " END"

constexpr char kUpdate[] = KEYFOB_CHANGE KEYFOB_CHANGED;
constexpr char kUpdateAndClear[] =
    KEYFOB_CHANGE KEYFOB_CLEARED("attempt_id") KEYFOB_CLEARED("attempt_node") KEYFOB_CLEARED("attempt_incarnation")
        KEYFOB_CLEARED("attempt_stranded") KEYFOB_CLEARED("first_sent_at") KEYFOB_CLEARED("lease_until") KEYFOB_CHANGED;
constexpr char kUpdateAndForget[] = KEYFOB_CHANGE
    ", " KEYFOB_NO_ATTEMPT
    ", access_sealed = '', refresh_sealed = '', association_mac = $20, epoch = g.epoch + 1" KEYFOB_CHANGED;
constexpr char kForgetLate[] =
    "DELETE FROM late_pairs WHERE app_id = $1 AND grant_id = $2 AND epoch < "
    "(SELECT epoch FROM grants WHERE app_id = $1 AND grant_id = $2)";

constexpr char kForgetCounts[] = "DELETE FROM refresh_counts WHERE app_id = $1 AND minute < $2";

}  // namespace

Question begin_question(const BeginRequest& request) {
  const GrantRef& ref = request.ref;
  Question question{ref.grant.str(),
                    {call(kBegin, ref.grant, request.at.generation, request.at.epoch, request.attempt, request.lease,
                          request.replaces)}};
  question.common.emplace().add(ref.app, request.node.id, request.node.incarnation);
  return question;
}

namespace {

Arguments common_of(const CommitRequest& request, WriterId writer) {
  Arguments common;
  common.add(request.pair.app, request.node.id, writer);
  return common;
}

/// `unless`: not of a grant that has one of these statuses, each between spaces.
Call commit_row(const CommitRequest& request, std::string_view unless) {
  const KeptPair& pair = request.pair;
  return call(kCommit, pair.grant, pair.at.generation, pair.at.epoch, pair.sealed.access, pair.sealed.refresh,
              pair.access_expires_at, pair.refresh_expires_at, pair.scope, request.rotated_at, request.due_at,
              request.renew_by, minute_of(request.rotated_at), unless);
}

}  // namespace

Question commit_question(const CommitRequest& request, WriterId writer) {
  std::string unless;
  for (const Notice& notice : request.notices) unless += statuses_told(notice);
  Question question{request.pair.grant.str(), {commit_row(request, unless)}};
  question.common = common_of(request, writer);
  question.news = true;
  return question;
}

Question telling_commit_question(const CommitRequest& request, WriterId writer) {
  const KeptPair& pair = request.pair;
  Question question{pair.grant.str(), {}};
  add_notice_calls(question.calls, {pair.app, pair.grant}, pair.at, request.notices);
  const Call row = commit_row(request, "");
  const Arguments* const only = &row.arguments;
  Call whole{kCommit, common_of(request, writer)};
  whole.arguments.add_columns({&only, 1});
  question.calls.push_back(std::move(whole));
  question.news = true;
  return question;
}

Question update_question(const UpdateRequest& request, WriterId writer) {
  const GrantRef& ref = request.ref;
  const GrantChange& change = request.change;
  const auto status = change.status ? std::optional(to_string(*change.status)) : std::nullopt;
  Call main = call(kUpdate, ref.app, ref.grant, request.at.generation, request.at.epoch, status, change.due_at,
                   request.wall, change.refusals.has_value());
  add_refusals(main.arguments, change.refusals.value_or(Refusals{}));
  main.arguments.add(change.attention.has_value());
  add_attention(main.arguments, change.attention.value_or(std::nullopt));
  main.arguments.add(writer);
  Question question{ref.grant.str(), {}};
  add_notice_calls(question.calls, ref, request.at, change.notices);
  if (change.forget_tokens) {
    main.sql = kUpdateAndForget;
    main.arguments.add(change.association_mac);
  } else if (change.clear_attempt) {
    main.sql = kUpdateAndClear;
    main.arguments.add(*change.clear_attempt);
  }
  question.calls.push_back(std::move(main));
  if (change.forget_tokens) question.calls.push_back(call(kForgetLate, ref.app, ref.grant));
  return question;
}

Call forget_counts(const AppId& app, std::int64_t minute) { return call(kForgetCounts, app, minute); }

std::int64_t minute_of(WallTime t) { return std::chrono::floor<minutes>(t.time_since_epoch()).count(); }

}  // namespace keyfob::postgres
