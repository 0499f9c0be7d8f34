#include "testing/faulty_store.hpp"

namespace keyfob::testing {

Task<Result<BeginOutcome>> FaultyRefreshStore::begin(BeginRequest request) {
  if (begin_fails) co_return fail(ErrorCode::unavailable, "the store refuses to begin");
  Result<BeginOutcome> outcome = co_await real_.begin(std::move(request));
  co_return outcome;
}

Task<Result<CommitOutcome>> FaultyRefreshStore::commit(CommitRequest request) {
  CommitFault fault = always;
  if (!next.empty()) {
    fault = next.front();
    next.pop_front();
  }
  if (fault == CommitFault::refuse) co_return fail(ErrorCode::unavailable, "the store refuses the commit");
  Result<CommitOutcome> outcome = co_await real_.commit(std::move(request));
  if (fault == CommitFault::lose_acknowledgement) co_return fail(ErrorCode::timeout, "the acknowledgement was lost");
  co_return outcome;
}

Task<Result<UpdateOutcome>> FaultyRefreshStore::update(GrantRef ref, GrantVersion at, GrantChange change,
                                                       WallTime now) {
  Result<UpdateOutcome> outcome = co_await real_.update(std::move(ref), at, std::move(change), now);
  co_return outcome;
}

Task<Result<GrantRecord>> SlowReader::load(GrantRef ref) {
  const bool takes_long = ref.grant == slow;
  reading = reading || takes_long;
  if (takes_long) co_await clock_.sleep(slow_by);
  if (takes_long) reading = false;
  Result<GrantRecord> record = co_await real_.load(std::move(ref));
  co_return record;
}

}  // namespace keyfob::testing
