// RefreshStore::commit and update.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

Refusals refused_at(std::int64_t second) {
  Refusals refusals;
  refusals.count = 2;
  refusals.first_at = at(second - 5);
  refusals.last_at = at(second);
  refusals.certain = true;
  refusals.after_unknown = true;
  refusals.reason = "stranded";
  return refusals;
}

TEST_P(StoreContract, commit_replaces_both_tokens_and_everything_that_goes_with_them) {
  auto grant = account_grant("g1", "alice");
  grant.grant.status = GrantStatus::suspect;
  grant.grant.refusals = refused_at(5);
  grant.grant.attention = Attention{"reauthenticate", VehicleId("g1-v1"), at(3)};
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  auto request = commit_request(grant, "new", at(12));
  request.pair.scope = "read_odometer read_location";
  const auto outcome = run(store->refresh->commit(request));
  ASSERT_THAT(outcome, holds(Committed{}));

  const auto stored = load(grant);
  for (const auto& record : {std::get<Committed>(*outcome).record, stored}) {
    EXPECT_EQ(record.sealed, request.pair.sealed);
    EXPECT_EQ(record.grant.version, (GrantVersion{Generation(2), Epoch(1)}));
    EXPECT_EQ(record.grant.status, GrantStatus::active);
    EXPECT_EQ(record.grant.access_expires_at, request.pair.access_expires_at);
    EXPECT_EQ(record.grant.refresh_expires_at, request.pair.refresh_expires_at);
    EXPECT_EQ(record.grant.scope, "read_odometer read_location");
    EXPECT_EQ(record.grant.rotated_at, at(12));
    EXPECT_EQ(record.grant.updated_at, at(12));
    EXPECT_EQ(record.grant.due_at, at(7000));
    EXPECT_EQ(record.grant.refusals.count, 0U);
    EXPECT_FALSE(record.grant.attempt);
    EXPECT_TRUE(record.grant.attention) << "attention is not the refresh's business";
    EXPECT_EQ(record.grant.user, grant.grant.user);
    EXPECT_EQ(record.grant.vehicles, grant.grant.vehicles);
    EXPECT_EQ(record.grant.created_at, grant.grant.created_at);
    EXPECT_EQ(record.association_mac, grant.association_mac);
  }
}

TEST_P(StoreContract, an_answer_without_scope_leaves_the_scope) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(commit(grant, "new"), holds(Committed{}));
  EXPECT_EQ(load(grant).grant.scope, "read_odometer");
}

TEST_P(StoreContract, the_first_valid_answer_wins_whichever_node_had_it) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  ASSERT_THAT(commit(grant, "of b"), holds(Committed{})) << "commit asks for the version, not for the lease";
  const auto late = commit(grant, "of a");
  ASSERT_THAT(late, holds(Moved{}));
  EXPECT_EQ(std::get<Moved>(*late).record.sealed, pair_for(grant, "of b").sealed);
  EXPECT_EQ(load(grant).grant.version.generation, Generation(2)) << "one step, not two";
}

TEST_P(StoreContract, a_commit_repeated_after_a_lost_acknowledgement_finds_its_own_bytes) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(commit(grant, "new"), holds(Committed{}));
  const auto again = commit(grant, "new");
  ASSERT_THAT(again, holds(Moved{}));
  EXPECT_EQ(std::get<Moved>(*again).record.sealed, pair_for(grant, "new").sealed);
  EXPECT_EQ(std::get<Moved>(*again).record.grant.version, (GrantVersion{Generation(2), Epoch(1)}));
}

TEST_P(StoreContract, commit_is_fenced_by_epoch) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  auto of_older_consent = grant;
  of_older_consent.grant.version.epoch = Epoch(0);
  ASSERT_THAT(commit(of_older_consent, "old consent"), holds(Moved{}));
  EXPECT_EQ(load(grant).sealed, grant.sealed);
}

TEST_P(StoreContract, a_revoking_grant_stays_revoking_when_its_pair_rotates) {
  auto grant = account_grant("g1", "alice");
  grant.grant.status = GrantStatus::revoking;
  put(grant);
  ASSERT_THAT(commit(grant, "new"), holds(Committed{}));
  EXPECT_EQ(load(grant).grant.status, GrantStatus::revoking);
  EXPECT_EQ(load(grant).sealed, pair_for(grant, "new").sealed);
}

TEST_P(StoreContract, needs_reauth_becomes_active_by_a_commit) {
  auto grant = account_grant("g1", "alice");
  grant.grant.status = GrantStatus::needs_reauth;
  put(grant);
  ASSERT_THAT(commit(grant, "new"), holds(Committed{}));
  EXPECT_EQ(load(grant).grant.status, GrantStatus::active);
}

TEST_P(StoreContract, a_revoked_grant_takes_no_pair) {
  auto grant = account_grant("g1", "alice");
  grant.grant.status = GrantStatus::revoked;
  put(grant);
  ASSERT_THAT(commit(grant, "new"), holds(Moved{}));
  EXPECT_EQ(load(grant).sealed, grant.sealed);
}

TEST_P(StoreContract, commit_of_an_unknown_grant_is_not_found) {
  EXPECT_THAT(commit(account_grant("nobody", "x"), "new"), is_error(ErrorCode::not_found));
}

TEST_P(StoreContract, update_writes_what_is_set_and_leaves_the_rest) {
  auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  GrantChange change;
  change.status = GrantStatus::suspect;
  change.refusals = refused_at(15);
  const auto outcome = update(grant, change);
  ASSERT_THAT(outcome, holds(Updated{}));
  const auto stored = load(grant);
  for (const auto& record : {std::get<Updated>(*outcome).record, stored}) {
    EXPECT_EQ(record.grant.status, GrantStatus::suspect);
    EXPECT_EQ(record.grant.refusals.count, 2U);
    EXPECT_EQ(record.grant.refusals.first_at, at(10));
    EXPECT_EQ(record.grant.refusals.last_at, at(15));
    EXPECT_TRUE(record.grant.refusals.certain);
    EXPECT_TRUE(record.grant.refusals.after_unknown);
    EXPECT_EQ(record.grant.refusals.reason, "stranded");
    EXPECT_EQ(record.grant.updated_at, at(20));
    EXPECT_EQ(record.grant.due_at, grant.grant.due_at);
    EXPECT_EQ(record.grant.version, grant.grant.version);
    EXPECT_EQ(record.sealed, grant.sealed);
    EXPECT_TRUE(record.grant.attempt);
  }
}

TEST_P(StoreContract, attention_is_set_and_cleared) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  GrantChange set;
  set.attention = std::optional<Attention>(Attention{"reauthenticate", VehicleId("g1-v2"), at(4)});
  ASSERT_THAT(update(grant, set), holds(Updated{}));
  const auto shown = load(grant).grant.attention;
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->reason, "reauthenticate");
  EXPECT_EQ(shown->vehicle, VehicleId("g1-v2"));
  EXPECT_EQ(shown->since, at(4));
  GrantChange clear;
  clear.attention = std::optional<Attention>();
  ASSERT_THAT(update(grant, clear), holds(Updated{}));
  EXPECT_FALSE(load(grant).grant.attention);
}

TEST_P(StoreContract, only_the_named_attempt_is_cleared) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  GrantChange other;
  other.clear_attempt = AttemptId("attempt-0");
  ASSERT_THAT(update(grant, other), holds(Updated{}));
  EXPECT_TRUE(load(grant).grant.attempt);
  GrantChange own;
  own.clear_attempt = AttemptId("attempt-1");
  const auto outcome = update(grant, own);
  ASSERT_THAT(outcome, holds(Updated{}));
  EXPECT_FALSE(std::get<Updated>(*outcome).record.grant.attempt);
  EXPECT_FALSE(load(grant).grant.attempt);
  EXPECT_THAT(begin(grant, kNodeB, "attempt-2"), holds(Begun{}));
}

TEST_P(StoreContract, update_is_fenced_by_version) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(commit(grant, "new"), holds(Committed{}));
  GrantChange change;
  change.status = GrantStatus::needs_reauth;
  const auto outcome = update(grant, change);
  ASSERT_THAT(outcome, holds(Moved{}));
  EXPECT_EQ(std::get<Moved>(*outcome).record.grant.version.generation, Generation(2));
  EXPECT_EQ(load(grant).grant.status, GrantStatus::active);
  EXPECT_THAT(update(account_grant("nobody", "x"), change), is_error(ErrorCode::not_found));
}

TEST_P(StoreContract, forgetting_the_tokens_leaves_nothing_that_could_come_back) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  ASSERT_THAT(run(store->late->keep_late(pair_for(grant, "late"))), is_ok());
  GrantChange forget;
  forget.status = GrantStatus::revoked;
  forget.forget_tokens = true;
  forget.association_mac = to_bytes("mac of epoch 2");
  ASSERT_THAT(update(grant, forget), holds(Updated{}));

  const auto stored = load(grant);
  EXPECT_TRUE(stored.sealed.access.empty());
  EXPECT_TRUE(stored.sealed.refresh.empty());
  EXPECT_EQ(stored.association_mac, to_bytes("mac of epoch 2"));
  EXPECT_EQ(stored.grant.version, (GrantVersion{Generation(1), Epoch(2)}));
  EXPECT_EQ(stored.grant.status, GrantStatus::revoked);
  EXPECT_FALSE(stored.grant.attempt);
  EXPECT_THAT(run(store->late->late({kApp, grant.grant.id}, Epoch(1))).value(), testing::IsEmpty());
  EXPECT_THAT(commit(grant, "late answer"), holds(Moved{}));
  EXPECT_THAT(run(store->late->keep_late(pair_for(grant, "later"))), is_error(ErrorCode::conflict));
  EXPECT_THAT(found({UserId("alice"), {}}), testing::ElementsAre("g1")) << "revoked ones are found, too";
}

}  // namespace
}  // namespace keyfob::contract
