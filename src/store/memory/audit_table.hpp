#pragma once
// AuditTable: the audit trail of a MemoryStore, with the semantics of ports/audit.hpp. One thread at a time.

#include <map>
#include <utility>
#include <vector>

#include "ports/audit.hpp"

namespace keyfob {

class AuditTable {
 public:
  Result<void> append(std::vector<AuditRecord> records);
  [[nodiscard]] Result<AuditPage> find(const AuditQuery& query) const;
  [[nodiscard]] std::vector<AuditRecord> chain(const NodeId& node, std::uint64_t after, std::size_t limit) const;
  [[nodiscard]] std::vector<AuditHead> heads() const;
  void prune(const NodeId& node, std::uint64_t through);

 private:
  std::map<std::pair<NodeId, std::uint64_t>, AuditRecord> records_;
};

}  // namespace keyfob
