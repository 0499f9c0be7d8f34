#pragma once
// The audit trail: AuditStore keeps its records, AuditLog is what everybody else writes to.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/audit_entry.hpp"
#include "ports/async.hpp"

namespace keyfob {

/// Which records: newest first. `subject` matches a grant, a user, an actor or the entry's subject.
struct AuditQuery {
  WallTime since{};
  std::string subject{};
  std::string action{};
  AppId app{};              ///< empty: all
  std::string cursor{};     ///< from the page before
  std::size_t limit = 100;  ///< 1 to 1000
};
struct AuditPage {
  std::vector<AuditRecord> records;
  std::string next_cursor;  ///< empty: this was the last page
};

/// Same rules as grant_store.hpp. Records are only ever added at the end of their node's chain, and pruned from its
/// beginning.
class AuditStore {
 public:
  virtual ~AuditStore() = default;
  /// Consecutive records of one node; one transaction for all. conflict: the node's chain has got there already.
  virtual Task<Result<void>> append(std::vector<AuditRecord> records) = 0;
  virtual Task<Result<AuditPage>> find_audit(AuditQuery query) = 0;
  /// Records of `node` with sequence > `after`, in order.
  virtual Task<Result<std::vector<AuditRecord>>> chain(NodeId node, std::uint64_t after, std::size_t limit) = 0;
  /// The last record of every node's chain.
  virtual Task<Result<std::vector<AuditHead>>> heads() = 0;
  /// Removes the records of `node` up to and including `through`.
  virtual Task<Result<void>> prune(NodeId node, std::uint64_t through) = 0;
};

/// What operators ask of the trail.
class AuditReader {
 public:
  virtual ~AuditReader() = default;
  virtual Task<Result<AuditPage>> find(AuditQuery query) = 0;
  virtual Task<Result<std::vector<AuditHead>>> heads() = 0;
  /// Reads every chain from end to end; `kept`: heads that somebody kept elsewhere. Takes a microsecond per record.
  virtual Task<Result<AuditVerification>> verify(std::vector<AuditHead> kept) = 0;
};

/// Who used or was given a token of which grant.
struct TokenUse {
  std::string_view actor;
  std::string_view app;
  std::string_view grant;
};

/// Who was refused what.
struct Refusal {
  std::string_view actor;  ///< empty: nobody that is known
  std::string_view code;
  std::string_view asked = {};  ///< method and pattern of the route, never the path: that may be anything
  std::string_view user = {};   ///< whom a known caller named
  std::string_view request_id = {};
};

/// Any thread, all of it. Order is kept per thread that records.
class AuditLog {
 public:
  virtual ~AuditLog() = default;
  /// Never blocks, never fails the caller: written soon, and before anything that is recorded later.
  virtual void record(AuditEntry entry) = 0;
  /// Completes when all that was recorded before is durable. unavailable: it is not, and the policy says to wait for
  /// it.
  virtual Task<Result<void>> settled() = 0;

  // The hot path: no allocation, no wait, about 50 ns. Counted per minute, written at its end.
  /// A token was put into a request to the provider.
  virtual void count_use(TokenUse use) noexcept = 0;
  /// Counted by actor and code. The first of these in each minute gets an entry of its own, too, which says what was
  /// asked and counts nothing (so that the counts add up): refusals by the thousand cost no more.
  virtual void count_refusal(const Refusal& refusal) = 0;
  /// True: that this caller was given tokens in this minute is on record, and this one was counted. False:
  /// record_disclosure() first.
  [[nodiscard]] virtual bool count_disclosure(TokenUse use) noexcept = 0;
  /// `entry` says who is given which grant's token; completes when that is durable. As settled().
  virtual Task<Result<void>> record_disclosure(AuditEntry entry) = 0;
  /// What was counted up to now goes on record, although its minute is not over: for somebody who wants to read it.
  /// As settled().
  virtual Task<Result<void>> write_counts() = 0;
};

}  // namespace keyfob
