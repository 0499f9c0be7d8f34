#pragma once
// verify: reads every chain of the store from end to end and says what does not fit.

#include <functional>
#include <vector>

#include "audit/chain.hpp"
#include "ports/audit.hpp"

namespace keyfob::audit {

/// Null: the key is unknown. The pointer stays valid while the verification runs.
using ChainKeys = std::function<const crypto::MacKey*(DataKeyId)>;

struct Verification {
  std::uint64_t records = 0;
  std::vector<AuditHead> heads{};    ///< where each chain ends, as far as it is sound
  std::vector<ChainFault> faults{};  ///< the first of each chain; empty: nothing was changed
};

/// `kept`: heads that somebody kept elsewhere; each must be in its chain still, unless it was pruned on purpose.
/// Errors: those of the store.
Task<Result<Verification>> verify(AuditStore& store, ChainKeys keys, std::vector<AuditHead> kept);

}  // namespace keyfob::audit
