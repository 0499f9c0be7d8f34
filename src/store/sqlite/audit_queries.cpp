#include "store/sqlite/audit_queries.hpp"

#include <algorithm>
#include <charconv>

#include "base/text_list.hpp"

namespace keyfob::sqlite {
namespace {

#define KEYFOB_AUDIT_COLUMNS \
  "node_id, sequence, key_id, at, actor, action, outcome, app_id, grant_id, user_id, subject, times, request_id, mac"

constexpr char kAppend[] =
    "INSERT INTO audit (" KEYFOB_AUDIT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kReached[] = "SELECT 1 FROM audit WHERE node_id = ? AND sequence >= ? LIMIT 1";
constexpr char kChain[] =
    "SELECT " KEYFOB_AUDIT_COLUMNS " FROM audit WHERE node_id = ? AND sequence > ? ORDER BY sequence LIMIT ?";
constexpr char kHeads[] =
    "SELECT a.node_id, a.sequence, a.mac FROM (SELECT node_id, max(sequence) AS last FROM audit GROUP BY node_id) h "
    "JOIN audit a ON a.node_id = h.node_id AND a.sequence = h.last ORDER BY a.node_id";
constexpr char kPrune[] = "DELETE FROM audit WHERE node_id = ? AND sequence <= ?";

#define KEYFOB_AUDIT_PAGE                                                                                   \
  "AND at >= ? AND (? = '' OR app_id = ?) AND (? = '' OR action = ?) AND (at < ? OR (at = ? AND (node_id, " \
  "sequence) < (?, ?))) ORDER BY at DESC, node_id DESC, sequence DESC LIMIT ?"
constexpr char kPage[] = "SELECT " KEYFOB_AUDIT_COLUMNS " FROM audit WHERE at <= ? " KEYFOB_AUDIT_PAGE;
constexpr char kPageOf[] = "SELECT " KEYFOB_AUDIT_COLUMNS
                           " FROM audit WHERE at <= ? AND ? IN (grant_id, user_id, actor, subject) " KEYFOB_AUDIT_PAGE;
constexpr char kPageOfGrant[] =
    "SELECT " KEYFOB_AUDIT_COLUMNS " FROM audit WHERE at <= ? AND grant_id = ? AND grant_id <> '' " KEYFOB_AUDIT_PAGE;

constexpr char kIsGrant[] = "SELECT 1 FROM audit WHERE grant_id = ? AND grant_id <> '' LIMIT 1";

/// A grant's history comes by its index; ids of grants are random, so that nothing else has such a name.
const char* page_for(Connection& connection, const std::string& subject) {
  if (subject.empty()) return kPage;
  return connection.query(kIsGrant).with(subject).step() ? kPageOfGrant : kPageOf;
}

AuditRecord read_record(Query& query) {
  AuditRecord record;
  record.node = query.id<NodeId>();
  record.sequence = static_cast<std::uint64_t>(query.integer());
  record.key = query.number<DataKeyId>();
  AuditEntry& entry = record.entry;
  entry.at = query.time();
  entry.actor = query.text();
  entry.action = query.text();
  entry.outcome = query.text();
  entry.app = query.id<AppId>();
  entry.grant = query.id<GrantId>();
  entry.user = query.id<UserId>();
  entry.subject = query.text();
  entry.count = static_cast<std::uint64_t>(query.integer());
  entry.request_id = query.text();
  record.mac = query.blob();
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

Result<void> append_audit(Connection& connection, const std::vector<AuditRecord>& records) {
  if (records.empty()) return {};
  // The records are consecutive, so the first one tells for all: nothing may be half-appended.
  const AuditRecord& first = records.front();
  if (connection.query(kReached).with(first.node, first.sequence).step()) {
    return fail(ErrorCode::conflict,
                "audit record " + std::to_string(first.sequence) + " of node " + first.node.str() + " exists");
  }
  for (const AuditRecord& record : records) {
    const AuditEntry& entry = record.entry;
    connection.query(kAppend)
        .with(record.node, record.sequence, record.key, entry.at, entry.actor, entry.action, entry.outcome, entry.app,
              entry.grant, entry.user, entry.subject, entry.count, entry.request_id, record.mac)
        .run();
  }
  return {};
}

Result<AuditPage> find_audit(Connection& connection, const AuditQuery& wanted) {
  const auto from = cursor_from(wanted.cursor);
  if (!from) return fail(ErrorCode::invalid_argument, "cursor: not one of this list");
  const std::size_t limit = std::clamp<std::size_t>(wanted.limit, 1, 1000);
  auto query = connection.query(page_for(connection, wanted.subject));
  query.with(from->at);
  if (!wanted.subject.empty()) query.with(wanted.subject);
  query.with(wanted.since, wanted.app, wanted.app, wanted.action, wanted.action, from->at, from->at, from->node,
             from->sequence, limit + 1);
  AuditPage page;
  while (query.step()) page.records.push_back(read_record(query));
  if (page.records.size() > limit) {
    page.records.resize(limit);
    page.next_cursor = to_cursor(page.records.back());
  }
  return page;
}

Result<std::vector<AuditRecord>> audit_chain(Connection& connection, const NodeId& node, std::uint64_t after,
                                             std::size_t limit) {
  std::vector<AuditRecord> records;
  auto query = connection.query(kChain);
  query.with(node, after, limit);
  while (query.step()) records.push_back(read_record(query));
  return records;
}

Result<std::vector<AuditHead>> audit_heads(Connection& connection) {
  std::vector<AuditHead> heads;
  auto query = connection.query(kHeads);
  while (query.step()) {
    AuditHead head;
    head.node = query.id<NodeId>();
    head.sequence = static_cast<std::uint64_t>(query.integer());
    head.mac = query.blob();
    heads.push_back(std::move(head));
  }
  return heads;
}

Result<void> prune_audit(Connection& connection, const NodeId& node, std::uint64_t through) {
  connection.query(kPrune).with(node, through).run();
  return {};
}

}  // namespace keyfob::sqlite
