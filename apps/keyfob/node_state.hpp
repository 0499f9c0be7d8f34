#pragma once
// NodeState: the directory [node] state_dir: who this node is, how often it has started, its spool and its admin
// socket. One process per directory, kept by flock(2): two nodes never share one.

#include <filesystem>
#include <utility>

#include "base/result.hpp"
#include "ports/grant_store.hpp"

namespace keyfob::node {

/// What a state directory holds, by name.
struct StatePaths {
  std::filesystem::path dir;
  [[nodiscard]] std::filesystem::path lock() const { return dir / "lock"; }
  [[nodiscard]] std::filesystem::path node_id() const { return dir / "node"; }
  [[nodiscard]] std::filesystem::path incarnation() const { return dir / "incarnation"; }
  [[nodiscard]] std::filesystem::path spool() const { return dir / "spool"; }
  [[nodiscard]] std::filesystem::path audit_head() const { return dir / "audit-head"; }
  [[nodiscard]] std::filesystem::path audit_counts() const { return dir / "audit-counts"; }
  [[nodiscard]] std::filesystem::path working_copy() const { return dir / "rows.db"; }
  [[nodiscard]] std::filesystem::path admin_socket() const { return dir / "admin.sock"; }
};

/// The locked directory. The lock ends with the object or with the process, however that ends.
class NodeState {
 public:
  /// Makes the directory (mode 0700) when it is missing, locks it, makes the node id once, and counts the incarnation
  /// up durably. conflict: another process holds it. unsafe: others can write the directory. damaged: its files do not
  /// parse. unavailable: the file system refuses.
  [[nodiscard]] static Result<NodeState> open(std::filesystem::path dir);

  NodeState(NodeState&& other) noexcept
      : paths_(std::move(other.paths_)),
        identity_(std::move(other.identity_)),
        lock_fd_(std::exchange(other.lock_fd_, -1)) {}
  NodeState& operator=(NodeState&&) = delete;
  ~NodeState();

  [[nodiscard]] const StatePaths& paths() const { return paths_; }
  [[nodiscard]] const NodeIdentity& identity() const { return identity_; }

 private:
  explicit NodeState(StatePaths paths) : paths_(std::move(paths)) {}
  Result<void> lock();
  Result<void> identify();

  StatePaths paths_;
  NodeIdentity identity_;
  int lock_fd_ = -1;
};

}  // namespace keyfob::node
