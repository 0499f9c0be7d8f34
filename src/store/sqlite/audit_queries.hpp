#pragma once
// What SqliteStore does to the audit trail. Same rules as grant_queries.hpp.

#include <vector>

#include "ports/audit.hpp"
#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {

Result<void> append_audit(Connection& connection, const std::vector<AuditRecord>& records);
Result<AuditPage> find_audit(Connection& connection, const AuditQuery& query);
Result<std::vector<AuditRecord>> audit_chain(Connection& connection, const NodeId& node, std::uint64_t after,
                                             std::size_t limit);
Result<std::vector<AuditHead>> audit_heads(Connection& connection);
Result<void> prune_audit(Connection& connection, const NodeId& node, std::uint64_t through);

}  // namespace keyfob::sqlite
