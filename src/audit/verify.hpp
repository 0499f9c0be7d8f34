#pragma once
// verify: reads every chain of the store from end to end and says what does not fit.

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "audit/chain.hpp"
#include "ports/audit.hpp"

namespace keyfob::audit {

/// Null: the key is unknown.
using ChainKeys = std::function<std::shared_ptr<const crypto::MacKey>(DataKeyId)>;

/// `kept`: heads that somebody kept elsewhere; each must be in its chain still, unless it was pruned on purpose.
/// Errors: those of the store.
Task<Result<AuditVerification>> verify(AuditStore& store, ChainKeys keys, std::vector<AuditHead> kept);

/// AuditReader over a store, for the API. Both references outlive it.
class Inspector final : public AuditReader {
 public:
  Inspector(AuditStore& store, ChainKeys keys) : store_(store), keys_(std::move(keys)) {}
  Task<Result<AuditPage>> find(AuditQuery query) override { return store_.find_audit(std::move(query)); }
  Task<Result<std::vector<AuditHead>>> heads() override { return store_.heads(); }
  Task<Result<AuditVerification>> verify(std::vector<AuditHead> kept) override {
    return audit::verify(store_, keys_, std::move(kept));
  }

 private:
  AuditStore& store_;
  ChainKeys keys_;
};

}  // namespace keyfob::audit
