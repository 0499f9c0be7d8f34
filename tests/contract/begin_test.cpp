// RefreshStore::begin: fencing, leases, takeovers.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

const Attempt& attempt_of(const Result<BeginOutcome>& outcome) {
  return *std::get<Begun>(outcome.value()).record.grant.attempt;
}

TEST_P(StoreContract, begin_leaves_a_note_that_every_reader_sees) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  const auto outcome = begin(grant, kNodeA, "attempt-1");
  ASSERT_THAT(outcome, holds(Begun{}));
  store->advance(seconds(2));
  const auto noted = load(grant).grant.attempt;
  ASSERT_TRUE(noted);
  EXPECT_EQ(noted->id, AttemptId("attempt-1"));
  EXPECT_EQ(noted->node, kNodeA.id);
  EXPECT_EQ(noted->incarnation, kNodeA.incarnation);
  EXPECT_EQ(noted->since_first_sent, seconds(2));
  EXPECT_EQ(noted->lease_left, kLease - seconds(2));
  EXPECT_FALSE(noted->stranded);
}

TEST_P(StoreContract, begin_answers_with_the_attempt_just_made) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  const auto outcome = begin(grant, kNodeA, "attempt-1");
  ASSERT_THAT(outcome, holds(Begun{}));
  const auto& record = std::get<Begun>(*outcome).record;
  EXPECT_EQ(record.sealed, grant.sealed);
  EXPECT_EQ(record.grant.version, grant.grant.version);
  ASSERT_TRUE(record.grant.attempt);
  EXPECT_EQ(record.grant.attempt->lease_left, kLease);
  EXPECT_EQ(record.grant.attempt->since_first_sent, Milliseconds(0));
}

TEST_P(StoreContract, a_live_lease_keeps_everybody_else_out) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(seconds(5));
  const auto of_another_node = begin(grant, kNodeB, "attempt-2");
  ASSERT_THAT(of_another_node, holds(Busy{}));
  EXPECT_EQ(std::get<Busy>(*of_another_node).lease_left, kLease - seconds(5));
  EXPECT_THAT(begin(grant, kNodeA, "attempt-3"), holds(Busy{})) << "not even the same node's second flight";
  EXPECT_EQ(load(grant).grant.attempt->id, AttemptId("attempt-1"));
}

TEST_P(StoreContract, the_last_millisecond_of_a_lease_still_counts) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(kLease - Milliseconds(1));
  EXPECT_THAT(begin(grant, kNodeB, "attempt-2"), holds(Busy{}));
  store->advance(Milliseconds(1));
  EXPECT_THAT(begin(grant, kNodeB, "attempt-2"), holds(Begun{}));
}

TEST_P(StoreContract, a_takeover_keeps_the_time_of_the_first_use_and_names_who_may_hold_the_pair) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(seconds(20));
  const auto taken_over = begin(grant, kNodeB, "attempt-2");
  ASSERT_THAT(taken_over, holds(Begun{}));
  EXPECT_EQ(attempt_of(taken_over).since_first_sent, seconds(20));
  EXPECT_EQ(attempt_of(taken_over).stranded, kNodeA.id);
  EXPECT_EQ(attempt_of(taken_over).lease_left, kLease);
  EXPECT_EQ(load(grant).grant.attempt->stranded, kNodeA.id);
}

TEST_P(StoreContract, a_node_takes_over_its_own_dead_incarnation_at_once) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(seconds(1));
  const NodeIdentity restarted{kNodeA.id, kNodeA.incarnation.next()};
  const auto outcome = begin(grant, restarted, "attempt-2");
  ASSERT_THAT(outcome, holds(Begun{}));
  EXPECT_EQ(attempt_of(outcome).since_first_sent, seconds(1));
  EXPECT_FALSE(attempt_of(outcome).stranded) << "its own earlier attempt strands nobody";
  EXPECT_THAT(begin(grant, kNodeA, "attempt-3"), holds(Busy{})) << "the dead incarnation itself may not";
}

TEST_P(StoreContract, a_retry_that_names_its_own_attempt_needs_not_wait_for_its_lease) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(seconds(3));
  auto request = begin_request(grant, kNodeA, "attempt-2");
  request.replaces = AttemptId("attempt-1");
  const auto outcome = run(store->refresh->begin(request));
  ASSERT_THAT(outcome, holds(Begun{}));
  EXPECT_EQ(attempt_of(outcome).id, AttemptId("attempt-2"));
  EXPECT_EQ(attempt_of(outcome).lease_left, kLease);
  EXPECT_EQ(attempt_of(outcome).since_first_sent, seconds(3));
}

TEST_P(StoreContract, replacing_an_attempt_that_is_not_there_does_not_break_a_foreign_lease) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeB, "attempt-of-b"), holds(Begun{}));
  auto request = begin_request(grant, kNodeA, "attempt-2");
  request.replaces = AttemptId("attempt-1");
  EXPECT_THAT(run(store->refresh->begin(request)), holds(Busy{}));
}

TEST_P(StoreContract, who_is_stranded_is_not_forgotten_by_a_retry_of_the_taker) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(kLease);
  ASSERT_THAT(begin(grant, kNodeB, "attempt-2"), holds(Begun{}));
  auto request = begin_request(grant, kNodeB, "attempt-3");
  request.replaces = AttemptId("attempt-2");
  const auto outcome = run(store->refresh->begin(request));
  ASSERT_THAT(outcome, holds(Begun{}));
  EXPECT_EQ(attempt_of(outcome).stranded, kNodeA.id);
}

TEST_P(StoreContract, a_begin_whose_acknowledgement_was_lost_may_be_repeated) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  EXPECT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
}

TEST_P(StoreContract, begin_is_fenced_by_generation_and_by_epoch) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  auto other_generation = grant;
  other_generation.grant.version.generation = Generation(2);
  auto other_epoch = grant;
  other_epoch.grant.version.epoch = Epoch(2);
  for (const auto& stale : {other_generation, other_epoch}) {
    const auto outcome = begin(stale, kNodeA, "attempt-1");
    ASSERT_THAT(outcome, holds(Moved{}));
    EXPECT_EQ(std::get<Moved>(*outcome).record.grant.version, grant.grant.version) << "it says what is there now";
  }
  EXPECT_FALSE(load(grant).grant.attempt);
}

TEST_P(StoreContract, a_revoked_grant_cannot_begin_and_every_other_one_can) {
  int number = 0;
  for (const auto status : {GrantStatus::active, GrantStatus::suspect, GrantStatus::needs_reauth, GrantStatus::revoking,
                            GrantStatus::revoked}) {
    const auto name = std::to_string(++number);
    auto grant = account_grant("g" + name, "user-" + name);
    grant.grant.status = status;
    put(grant);
    const auto outcome = begin(grant, kNodeA, "attempt-1");
    if (status == GrantStatus::revoked) {
      EXPECT_THAT(outcome, holds(Moved{}));
    } else {
      EXPECT_THAT(outcome, holds(Begun{})) << to_string(status);
    }
  }
}

TEST_P(StoreContract, begin_of_an_unknown_grant_is_not_found) {
  EXPECT_THAT(begin(account_grant("nobody", "x"), kNodeA, "attempt-1"), is_error(ErrorCode::not_found));
}

TEST_P(StoreContract, a_commit_ends_the_attempt_so_that_the_next_generation_starts_clean) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(seconds(30));
  ASSERT_THAT(commit(grant, "new"), holds(Committed{}));
  const auto next = load(grant);
  EXPECT_FALSE(next.grant.attempt);
  const auto outcome = begin(next, kNodeB, "attempt-2");
  ASSERT_THAT(outcome, holds(Begun{}));
  EXPECT_EQ(attempt_of(outcome).since_first_sent, Milliseconds(0));
  EXPECT_FALSE(attempt_of(outcome).stranded);
}

}  // namespace
}  // namespace keyfob::contract
