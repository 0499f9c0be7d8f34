#pragma once
// GrantStore: what the engine needs from a database that holds grants. Implemented by store/memory, store/sqlite,
// store/postgres, which all pass tests/contract. A store sees sealed bytes, versions, statuses and timestamps only.
//
// All Tasks: complete on the awaiting executor; ignore cancellation once the statement was handed over (the outcome is
// then reported as usual). Errors: unavailable (known not to have happened), timeout (may have happened), damaged (the
// database itself is corrupt), not_found, conflict, internal. Wall times are given by the engine; leases are judged by
// the store's own clock. Every write that returns success is durable.

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "core/grant.hpp"
#include "core/kept_pair.hpp"
#include "core/outbox.hpp"
#include "ports/async.hpp"

namespace keyfob {

struct NodeIdentity {
  NodeId id;
  Incarnation incarnation;
};

struct GrantRef {
  AppId app;
  GrantId grant;
};

/// Which grants a look-up wants: those of a user, those that open a vehicle, or both. At least one is set.
struct GrantSelector {
  UserId user{};
  VehicleId vehicle{};
};

struct GrantFilter {
  AppId app{};  ///< empty: all applications
  UserId user{};
  VehicleId vehicle{};
  std::optional<GrantStatus> status{};
  std::string cursor{};     ///< from the page before
  std::size_t limit = 100;  ///< 1 to 1000
};

struct GrantPage {
  std::vector<GrantRecord> grants;
  std::string next_cursor;  ///< empty: this was the last page
};

/// Reads. Records whose status is `revoked` are found, too; their sealed tokens are empty.
class GrantReader {
 public:
  virtual ~GrantReader() = default;
  virtual Task<Result<GrantRecord>> load(GrantRef ref) = 0;
  /// Most specific first (single-select before account-wide), then newest; at most 16, enough to see an ambiguity.
  virtual Task<Result<std::vector<GrantRecord>>> find(AppId app, GrantSelector selector) = 0;
  virtual Task<Result<GrantPage>> list(GrantFilter filter) = 0;
};

struct BeginRequest {
  GrantRef ref;
  GrantVersion at;
  AttemptId attempt;
  NodeIdentity node;
  Milliseconds lease{};
  std::optional<AttemptId> replaces{};  ///< our own attempt that this one continues, whatever its lease
};
struct Begun {
  GrantRecord record;  ///< record.grant.attempt is the new attempt
};
/// Somebody else holds a live lease.
struct Busy {
  Milliseconds lease_left{};
};
/// Generation, epoch or status is not what was expected: here is what is there now.
struct Moved {
  GrantRecord record;
};
using BeginOutcome = std::variant<Begun, Busy, Moved>;

struct CommitRequest {
  KeptPair pair;
  WallTime rotated_at{};
  WallTime due_at{};
  WallTime renew_by{};
  NodeIdentity node;  ///< whose counters the success goes to
  std::vector<Notice> notices{};
};
struct Committed {
  GrantRecord record;
};
using CommitOutcome = std::variant<Committed, Moved>;

/// Fields that are set are written; the others stay.
struct GrantChange {
  std::optional<GrantStatus> status{};
  std::optional<AttemptId> clear_attempt{};  ///< cleared only if it is this one
  std::optional<Refusals> refusals{};
  std::optional<WallTime> due_at{};
  std::optional<std::optional<Attention>> attention{};
  bool forget_tokens = false;  ///< empties both sealed tokens, drops kept pairs, epoch + 1, writes `association_mac`
  Bytes association_mac{};     ///< for the new epoch; with forget_tokens only
  std::vector<Notice> notices{};
};
struct Updated {
  GrantRecord record;
};
using UpdateOutcome = std::variant<Updated, Moved>;

/// The writes of one refresh. Each is one durable transaction.
class RefreshStore {
 public:
  virtual ~RefreshStore() = default;
  /// One conditional update: version is `at`, status is not revoked, and there is no attempt, or its lease has ended,
  /// or it is of a dead incarnation of this node, or it is `replaces`. A prior attempt's first_sent_at survives; a
  /// prior attempt of another node is named in `stranded`.
  virtual Task<Result<BeginOutcome>> begin(BeginRequest request) = 0;
  /// WHERE version is pair.at and status is not revoked: both tokens, both expiries, generation + 1, attempt and
  /// refusals cleared, status active (a `revoking` grant stays revoking), scope if given; counts one success for the
  /// application.
  virtual Task<Result<CommitOutcome>> commit(CommitRequest request) = 0;
  /// WHERE version is `at`. `now` becomes updated_at.
  virtual Task<Result<UpdateOutcome>> update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) = 0;
};

/// A grant to store under a new epoch, already sealed for it.
struct PutRequest {
  GrantRecord record;
  std::optional<GrantVersion> replaces{};  ///< the version it must replace; empty: it must not exist
  std::vector<Notice> notices{};
};

/// Import and consent. `put` is one transaction for all; each element answers for itself (conflict: somebody was
/// faster, look again). Unique: (app, user, provider_user, the vehicle of a single-select grant).
class GrantWriter {
 public:
  virtual ~GrantWriter() = default;
  virtual Task<Result<std::vector<Result<void>>>> put(std::vector<PutRequest> requests) = 0;
  virtual Task<Result<void>> remove(GrantRef ref) = 0;
};

/// Late pairs: arrived after their generation had been committed by someone else. Shared by all nodes.
class LatePairs {
 public:
  virtual ~LatePairs() = default;
  virtual Task<Result<void>> keep_late(KeptPair pair) = 0;
  /// Those of this grant and epoch, newest first.
  virtual Task<Result<std::vector<KeptPair>>> late(GrantRef ref, Epoch epoch) = 0;
  /// Removes this very pair (compared by its sealed bytes).
  virtual Task<Result<void>> drop_late(KeptPair pair) = 0;
};

/// How many due grants of one application a claim may take.
struct DueShare {
  AppId app;
  std::size_t limit = 0;
  std::size_t unsettled = 0;  ///< of them at most so many come first because they are `suspect` or `revoking`
};

/// What waits in one application's queue.
struct DueOutlook {
  std::size_t due = 0;                    ///< grants with due_at <= now, counted up to the limit asked for
  std::optional<WallTime> oldest_due{};   ///< the earliest due_at of a grant that is not revoked, due or not
  std::optional<WallTime> renew_first{};  ///< the earliest renew_by that has passed, of an `active` or `suspect` one
};

/// Background work.
class DueStore {
 public:
  virtual ~DueStore() = default;
  /// Grants of these applications with due_at <= now that are not revoked, by share: the unsettled ones first, then the
  /// longest overdue. Each returned one has its due_at moved to now + hold in the same transaction, so that two nodes
  /// never get the same. Cost does not depend on grants that are not due.
  virtual Task<Result<std::vector<GrantRecord>>> claim_due(std::vector<DueShare> shares, WallTime now,
                                                           Milliseconds hold) = 0;
  /// Cost grows with what is due (at most `count_at_most`), not with what is there.
  virtual Task<Result<DueOutlook>> outlook(AppId app, WallTime now, std::size_t count_at_most) = 0;
  /// Grants with an attempt whose lease has ended, or that a dead incarnation of this node left. Those whose lease
  /// ended last come first: the reuse window of the others may be over.
  virtual Task<Result<std::vector<GrantRecord>>> abandoned(NodeIdentity node, std::size_t limit) = 0;
};

/// What the application's refreshes have looked like since `since`, over all nodes.
struct RefreshHealth {
  std::uint64_t refreshed = 0;       ///< committed rotations
  std::uint64_t refused_grants = 0;  ///< distinct grants whose last refusal is not older than `since`
  bool other_refreshed = false;      ///< a grant other than the one asked about was refreshed
};
class HealthStore {
 public:
  virtual ~HealthStore() = default;
  virtual Task<Result<RefreshHealth>> health(GrantRef asking, WallTime since) = 0;
  /// needs_reauth grants whose last refusal is not older than `since` become suspect again, due at `due_at`. Returns
  /// how many.
  virtual Task<Result<std::size_t>> reopen_refused(AppId app, WallTime since, WallTime due_at) = 0;
};

struct ChangedGrant {
  GrantRef ref;
  UserId user;
  std::vector<VehicleId> vehicles;
};
struct Changes {
  std::vector<ChangedGrant> grants;
  bool everything = false;  ///< anything may have changed: drop all that is cached
  bool directory = false;   ///< applications, callers or keys changed
  std::string cursor;       ///< for the next call
};
/// What other writers of the same store did. Own writes may or may not be listed.
class ChangeFeed {
 public:
  virtual ~ChangeFeed() = default;
  /// An empty cursor starts at "now".
  virtual Task<Result<Changes>> changes_since(std::string cursor) = 0;
};

}  // namespace keyfob
