#pragma once
// FaultyRefreshStore: a RefreshStore whose commits fail on request, before or after they took effect.

#include <deque>

#include "ports/grant_store.hpp"

namespace keyfob::testing {

class FaultyRefreshStore final : public RefreshStore {
 public:
  explicit FaultyRefreshStore(RefreshStore& real) : real_(real) {}

  enum class CommitFault : std::uint8_t { none, refuse, lose_acknowledgement };
  /// The next commits meet these, one each; then `always`.
  std::deque<CommitFault> next{};
  CommitFault always = CommitFault::none;
  bool begin_fails = false;

  Task<Result<BeginOutcome>> begin(BeginRequest request) override;
  Task<Result<CommitOutcome>> commit(CommitRequest request) override;
  Task<Result<UpdateOutcome>> update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) override;

 private:
  RefreshStore& real_;
};

}  // namespace keyfob::testing
