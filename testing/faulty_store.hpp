#pragma once
// FaultyRefreshStore: a RefreshStore whose commits fail on request, before or after they took effect; and a reader that
// is slow.

#include <deque>

#include "ports/clock.hpp"
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

/// A GrantReader that takes its time over one grant.
class SlowReader final : public GrantReader {
 public:
  SlowReader(GrantReader& real, Clock& clock) : real_(real), clock_(clock) {}

  GrantId slow{};
  Milliseconds slow_by = Milliseconds(100);
  bool reading = false;  ///< the slow one, right now
  bool silent = false;   ///< find() answers after a minute

  Task<Result<GrantRecord>> load(GrantRef ref) override;
  Task<Result<std::vector<GrantRecord>>> find(AppId app, GrantSelector selector) override {
    if (silent) co_await clock_.sleep(minutes(1));
    auto found = co_await real_.find(std::move(app), std::move(selector));
    co_return found;
  }
  Task<Result<GrantPage>> list(GrantFilter filter) override { return real_.list(std::move(filter)); }

 private:
  GrantReader& real_;
  Clock& clock_;
};

}  // namespace keyfob::testing
