#include "store/postgres/audit_statements.hpp"

#include <algorithm>
#include <charconv>

#include "base/text_list.hpp"

namespace keyfob::postgres {
namespace {

#define KEYFOB_AUDIT_COLUMNS \
  "node_id, sequence, key_id, at, actor, action, outcome, app_id, grant_id, user_id, subject, times, request_id, mac"

constexpr char kAppend[] =
    "INSERT INTO audit (" KEYFOB_AUDIT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
constexpr char kReached[] = "SELECT 1 FROM audit WHERE node_id = $1 AND sequence >= $2 LIMIT 1";
constexpr char kChain[] =
    "SELECT " KEYFOB_AUDIT_COLUMNS " FROM audit WHERE node_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
constexpr char kHeads[] =
    "SELECT a.node_id, a.sequence, a.mac FROM (SELECT node_id, max(sequence) AS last FROM audit GROUP BY node_id) AS h "
    "JOIN audit AS a ON a.node_id = h.node_id AND a.sequence = h.last ORDER BY a.node_id";
constexpr char kPrune[] = "DELETE FROM audit WHERE node_id = $1 AND sequence <= $2";

#define KEYFOB_AUDIT_PAGE                                                                                \
  "AND at >= $2 AND ($3 = '' OR app_id = $3) AND ($4 = '' OR action = $4) AND (at < $1 OR (at = $1 AND " \
  "(node_id, sequence) < ($5, $6))) ORDER BY at DESC, node_id DESC, sequence DESC LIMIT $7"
constexpr char kPage[] = "SELECT " KEYFOB_AUDIT_COLUMNS " FROM audit WHERE at <= $1 " KEYFOB_AUDIT_PAGE;
constexpr char kPageOf[] =
    "SELECT " KEYFOB_AUDIT_COLUMNS
    " FROM audit WHERE at <= $1 AND $8 IN (grant_id, user_id, actor, subject) " KEYFOB_AUDIT_PAGE;

constexpr std::size_t kPageLimit = 1000;

AuditRecord read_record(Rows& rows) {
  AuditRecord record;
  record.node = rows.id<NodeId>();
  record.sequence = static_cast<std::uint64_t>(rows.integer());
  record.key = rows.number<DataKeyId>();
  AuditEntry& entry = record.entry;
  entry.at = rows.time();
  entry.actor = rows.text();
  entry.action = rows.text();
  entry.outcome = rows.text();
  entry.app = rows.id<AppId>();
  entry.grant = rows.id<GrantId>();
  entry.user = rows.id<UserId>();
  entry.subject = rows.text();
  entry.count = static_cast<std::uint64_t>(rows.integer());
  entry.request_id = rows.text();
  record.mac = rows.blob();
  return record;
}

/// Where a page ended: its last record's time, node and sequence. The beginning is after everything.
struct Cursor {
  std::int64_t at = INT64_MAX;
  std::string node{};
  std::int64_t sequence = 0;
};

std::optional<std::int64_t> number_in(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Cursor> cursor_from(const std::string& text) {
  if (text.empty()) return Cursor{};
  const auto parts = split_netstrings(text);
  if (!parts || parts->size() != 3) return std::nullopt;
  const auto at = number_in((*parts)[0]);
  const auto sequence = number_in((*parts)[2]);
  if (!at || !sequence) return std::nullopt;
  return Cursor{*at, (*parts)[1], *sequence};
}

std::string to_cursor(const AuditRecord& record) {
  std::string text;
  append_netstring(text, std::to_string(to_unix_ms(record.entry.at)));
  append_netstring(text, record.node.view());
  append_netstring(text, std::to_string(record.sequence));
  return text;
}

}  // namespace

Result<void> append_audit(Dialogue& dialogue, const std::vector<AuditRecord>& records) {
  if (records.empty()) return {};
  // The records are consecutive, so the first one tells for all. A node appends alone; should two processes take
  // themselves for one node, the primary key refuses the later.
  const AuditRecord& first = records.front();
  if (dialogue.ask(kReached, first.node, first.sequence).next()) {
    return fail(ErrorCode::conflict,
                "audit record " + std::to_string(first.sequence) + " of node " + first.node.str() + " exists");
  }
  std::vector<Call> calls;
  for (const AuditRecord& record : records) {
    const AuditEntry& entry = record.entry;
    calls.push_back(call(kAppend, record.node, record.sequence, record.key, entry.at, entry.actor, entry.action,
                         entry.outcome, entry.app, entry.grant, entry.user, entry.subject, entry.count,
                         entry.request_id, record.mac));
  }
  dialogue.tell(calls);
  return {};
}

Result<Question> audit_page_question(const AuditQuery& query) {
  const auto from = cursor_from(query.cursor);
  if (!from) return fail(ErrorCode::invalid_argument, "cursor: not one of this list");
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, kPageLimit);
  Call page = call(kPage, from->at, query.since, query.app, query.action, from->node, from->sequence, limit + 1);
  if (!query.subject.empty()) {
    page.sql = kPageOf;
    page.arguments.add(query.subject);
  }
  return Question{{}, {std::move(page)}};
}

AuditPage read_audit_page(Rows& rows, std::size_t limit) {
  limit = std::clamp<std::size_t>(limit, 1, kPageLimit);
  AuditPage page;
  page.records = read_audit(rows);
  if (page.records.size() > limit) {
    page.records.resize(limit);
    page.next_cursor = to_cursor(page.records.back());
  }
  return page;
}

Question audit_chain_question(const NodeId& node, std::uint64_t after, std::size_t limit) {
  return {{}, {call(kChain, node, after, limit)}};
}

std::vector<AuditRecord> read_audit(Rows& rows) {
  std::vector<AuditRecord> records;
  while (rows.next()) records.push_back(read_record(rows));
  return records;
}

Question audit_heads_question() { return {{}, {call(kHeads)}}; }

std::vector<AuditHead> read_audit_heads(Rows& rows) {
  std::vector<AuditHead> heads;
  while (rows.next()) {
    AuditHead head;
    head.node = rows.id<NodeId>();
    head.sequence = static_cast<std::uint64_t>(rows.integer());
    head.mac = rows.blob();
    heads.push_back(std::move(head));
  }
  return heads;
}

Question prune_audit_question(const NodeId& node, std::uint64_t through) { return {{}, {call(kPrune, node, through)}}; }

}  // namespace keyfob::postgres
