#pragma once
// What PostgresStore does to the audit trail. Same rules as grant_statements.hpp.

#include <vector>

#include "ports/audit.hpp"
#include "store/postgres/async.hpp"

namespace keyfob::postgres {

Result<void> append_audit(Dialogue& dialogue, const std::vector<AuditRecord>& records);
/// invalid_argument: the cursor is not one of this list.
[[nodiscard]] Result<Question> audit_page_question(const AuditQuery& query);
[[nodiscard]] AuditPage read_audit_page(Rows& rows, std::size_t limit);
[[nodiscard]] Question audit_chain_question(const NodeId& node, std::uint64_t after, std::size_t limit);
[[nodiscard]] std::vector<AuditRecord> read_audit(Rows& rows);
[[nodiscard]] Question audit_heads_question();
[[nodiscard]] std::vector<AuditHead> read_audit_heads(Rows& rows);
[[nodiscard]] Question prune_audit_question(const NodeId& node, std::uint64_t through);

}  // namespace keyfob::postgres
