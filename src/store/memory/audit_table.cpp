#include "store/memory/audit_table.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

namespace keyfob {
namespace {

bool matches(const AuditRecord& record, const AuditQuery& query) {
  const AuditEntry& entry = record.entry;
  if (entry.at < query.since) return false;
  if (!query.app.empty() && entry.app != query.app) return false;
  if (!query.action.empty() && entry.action != query.action) return false;
  if (query.subject.empty()) return true;
  return entry.grant.view() == query.subject || entry.user.view() == query.subject || entry.actor == query.subject ||
         entry.subject == query.subject;
}

auto age(const AuditRecord& record) { return std::tuple(record.entry.at, record.node, record.sequence); }

}  // namespace

Result<void> AuditTable::append(std::vector<AuditRecord> records) {
  if (records.empty()) return {};
  const auto reached = records_.lower_bound({records.front().node, records.front().sequence});
  if (reached != records_.end() && reached->first.first == records.front().node) {
    return fail(ErrorCode::conflict, "audit record " + std::to_string(records.front().sequence) + " exists");
  }
  for (AuditRecord& record : records) {
    const std::pair key{record.node, record.sequence};
    records_.emplace(key, std::move(record));
  }
  return {};
}

/// The cursor is how many were shown: nothing is added to this store between two pages of a test.
Result<AuditPage> AuditTable::find(const AuditQuery& query) const {
  std::size_t skip = 0;
  const char* end = query.cursor.data() + query.cursor.size();
  if (!query.cursor.empty() && std::from_chars(query.cursor.data(), end, skip).ptr != end) {
    return fail(ErrorCode::invalid_argument, "cursor: not one of this list");
  }
  std::vector<AuditRecord> found;
  for (const auto& [key, record] : records_) {
    if (matches(record, query)) found.push_back(record);
  }
  std::ranges::sort(found, [](const AuditRecord& a, const AuditRecord& b) { return age(b) < age(a); });
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, 1000);
  AuditPage page;
  for (std::size_t i = skip; i < found.size() && page.records.size() < limit; ++i) page.records.push_back(found[i]);
  if (skip + page.records.size() < found.size()) page.next_cursor = std::to_string(skip + page.records.size());
  return page;
}

std::vector<AuditRecord> AuditTable::chain(const NodeId& node, std::uint64_t after, std::size_t limit) const {
  std::vector<AuditRecord> records;
  for (auto it = records_.upper_bound({node, after}); it != records_.end() && records.size() < limit; ++it) {
    if (it->first.first != node) break;
    records.push_back(it->second);
  }
  return records;
}

std::vector<AuditHead> AuditTable::heads() const {
  std::vector<AuditHead> heads;
  for (const auto& [key, record] : records_) {
    if (heads.empty() || heads.back().node != record.node) heads.emplace_back();
    heads.back() = {record.node, record.sequence, record.mac};
  }
  return heads;
}

void AuditTable::prune(const NodeId& node, std::uint64_t through) {
  records_.erase(records_.lower_bound({node, 0}), records_.upper_bound({node, through}));
}

}  // namespace keyfob
