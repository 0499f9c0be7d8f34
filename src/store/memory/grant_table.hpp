#pragma once
// GrantTable: the grants of a MemoryStore and the reference semantics of every promise in ports/grant_store.hpp,
// as plain synchronous functions. `now` is the store's clock. One thread at a time.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ports/associations.hpp"
#include "ports/key_rotation.hpp"
#include "store/memory/outbox_table.hpp"

namespace keyfob {

class GrantTable {
 public:
  [[nodiscard]] Result<GrantRecord> load(const GrantRef& ref, BootTime now) const;
  [[nodiscard]] Result<std::vector<GrantRecord>> find(const AppId& app, const GrantSelector& selector,
                                                      BootTime now) const;
  [[nodiscard]] Result<GrantPage> list(const GrantFilter& filter, BootTime now) const;

  Result<BeginOutcome> begin(const BeginRequest& request, BootTime now);
  Result<CommitOutcome> commit(const CommitRequest& request, BootTime now);
  Result<UpdateOutcome> update(const GrantRef& ref, GrantVersion at, const GrantChange& change, WallTime wall,
                               BootTime now);

  Result<UpdateOutcome> reassociate(const Reassociation& request, BootTime now);

  Result<void> put(const PutRequest& request);
  Result<void> remove(const GrantRef& ref);
  void remove_application(const AppId& app);

  Result<void> keep_late(KeptPair pair);
  [[nodiscard]] std::vector<KeptPair> late(const GrantRef& ref, Epoch epoch) const;
  void drop_late(const KeptPair& pair);

  /// False: it has changed meanwhile.
  bool reseal(const ResealedGrant& grant);
  [[nodiscard]] std::vector<KeptPair> late_under(const DataKeyRef& key, std::size_t limit) const;
  bool replace_late(const KeptPair& old, const KeptPair& fresh);

  std::vector<GrantRecord> claim_due(const std::vector<DueShare>& shares, WallTime wall, Milliseconds hold,
                                     BootTime now);
  [[nodiscard]] DueOutlook outlook(const AppId& app, WallTime wall, std::size_t count_at_most) const;
  [[nodiscard]] std::vector<GrantRecord> abandoned(const NodeIdentity& node, std::size_t limit, BootTime now) const;

  [[nodiscard]] RefreshHealth health(const GrantRef& asking, WallTime since) const;
  std::size_t reopen_refused(const AppId& app, WallTime since, WallTime due_at);

  [[nodiscard]] OutboxTable& outbox() { return outbox_; }

  /// Position in the log of changes; grows by one with each.
  [[nodiscard]] std::uint64_t change_position() const { return changes_begin_ + changes_.size(); }
  /// Changes from `position` on; empty when they are no longer known.
  [[nodiscard]] std::optional<std::vector<ChangedGrant>> changes_from(std::uint64_t position) const;

 private:
  using Key = std::pair<std::string, std::string>;  // application, then grant (or user, or vehicle)
  struct Lease {
    AttemptId id;
    NodeId node;
    Incarnation incarnation;
    BootTime first_sent;
    BootTime until;
    std::optional<NodeId> stranded;
  };
  struct Row {
    GrantRecord record;
    std::optional<Lease> lease;
    std::vector<KeptPair> late;
  };
  /// Successes of one minute: how many, and the two grants that succeeded last (to tell "another one" from "this one").
  struct Successes {
    std::uint64_t count = 0;
    std::pair<GrantId, WallTime> last;
    std::pair<GrantId, WallTime> other;
  };
  using Index = std::map<Key, std::set<std::string>>;
  using Queue = std::set<std::tuple<std::string, WallTime, std::string>>;  // application, time, grant
  using UniqueKey = std::array<std::string, 4>;

  static Key key_of(const GrantRef& ref) { return {ref.app.str(), ref.grant.str()}; }
  static UniqueKey unique_key_of(const Grant& grant);
  static GrantRecord view(const Row& row, BootTime now);
  static bool may_begin(const Row& row, const BeginRequest& request, BootTime now);
  static void apply(Row& row, const GrantChange& change);
  static void store_pair(Row& row, const CommitRequest& request);
  [[nodiscard]] Row* row_of(const GrantRef& ref);
  [[nodiscard]] const Row* row_of(const GrantRef& ref) const;
  [[nodiscard]] std::vector<const Row*> candidates(const AppId& app, const GrantSelector& selector) const;

  void set_due(const Key& key, Row& row, WallTime due_at);
  void set_renew_by(const Key& key, Row& row, WallTime renew_by);
  [[nodiscard]] std::vector<Key> due_of(const DueShare& share, WallTime wall) const;
  void index(const Key& key, const Row& row);
  void unindex(const Key& key, const Row& row);
  void count_success(const CommitRequest& request);
  void changed(const Grant& grant);

  std::map<Key, Row> rows_;
  std::map<UniqueKey, std::string> unique_;
  Index by_user_;
  Index by_vehicle_;
  Queue due_;
  Queue renew_by_;
  std::set<Key> attempts_;
  std::map<std::pair<std::string, std::int64_t>, Successes> successes_;  // (application, minute)
  OutboxTable outbox_;
  std::deque<ChangedGrant> changes_;
  std::uint64_t changes_begin_ = 0;
};

}  // namespace keyfob
