#pragma once
// NodeAudit: the audit trail of this process: its chain in the store, the head that this machine keeps beside it.

#include <memory>

#include "apps/keyfob/node_state.hpp"
#include "audit/event_recorder.hpp"
#include "audit/trail.hpp"
#include "audit/verify.hpp"
#include "base/result.hpp"
#include "engine/engine.hpp"
#include "ports/audit.hpp"
#include "ports/clock.hpp"

namespace keyfob::node {

struct NodeAuditOptions {
  bool proceed_on_outage = true;
  Milliseconds retention{};  ///< 0: for ever
  Metrics* metrics = nullptr;
};

/// Engine executor only, except log() and reader(). All references outlive it.
class NodeAudit {
 public:
  NodeAudit(AuditStore& store, Clock& clock, const NodeState& state, NodeAuditOptions options)
      : store_(store), clock_(clock), state_(state), options_(options) {}

  /// Once the directory is loaded. Makes the installation's data key when there is none. Does nothing the second time.
  Task<Result<void>> start(asio::any_io_executor executor, engine::Directory& directory);
  Task<void> stop(Milliseconds patience);

  /// Null before start().
  [[nodiscard]] AuditLog* log() { return trail_.get(); }
  [[nodiscard]] AuditReader* reader() { return inspector_.get(); }

 private:
  AuditStore& store_;
  Clock& clock_;
  const NodeState& state_;
  NodeAuditOptions options_;
  std::unique_ptr<audit::Trail> trail_;
  std::unique_ptr<audit::Inspector> inspector_;
};

}  // namespace keyfob::node
