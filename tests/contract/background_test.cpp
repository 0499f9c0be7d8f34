// DueStore, HealthStore, ChangeFeed.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> ids_of(const Result<std::vector<GrantRecord>>& records) {
  std::vector<std::string> ids;
  for (const auto& record : records.value()) ids.push_back(record.grant.id.str());
  return ids;
}

std::vector<DueShare> shares(std::size_t limit, std::size_t unsettled = 0) { return {{kApp, limit, unsettled}}; }

GrantRecord due_grant(const std::string& id, std::int64_t due_second) {
  auto grant = account_grant(id, "user of " + id);
  grant.grant.due_at = at(due_second);
  return grant;
}

TEST_P(StoreContract, due_grants_are_claimed_once_in_order) {
  put(due_grant("g3", 30));
  put(due_grant("g1", 10));
  put(due_grant("g2", 20));
  put(due_grant("g4", 40));
  const auto claimed = run(store->due->claim_due(shares(10), at(30), minutes(1)));
  EXPECT_THAT(ids_of(claimed), ElementsAre("g1", "g2", "g3"));
  EXPECT_EQ(claimed->front().grant.due_at, at(90));
  EXPECT_EQ(load(due_grant("g1", 10)).grant.due_at, at(90)) << "held for a minute";
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(10), at(30), minutes(1)))), IsEmpty());
  const auto after_the_hold = ids_of(run(store->due->claim_due(shares(10), at(90), minutes(1))));
  EXPECT_THAT(after_the_hold, UnorderedElementsAre("g4", "g1", "g2", "g3"));
  EXPECT_EQ(after_the_hold.front(), "g4") << "the longest overdue";
}

TEST_P(StoreContract, a_claim_takes_no_more_than_it_asked_for) {
  for (int i = 0; i < 5; ++i) put(due_grant("g" + std::to_string(i), i));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(2), at(50), minutes(1)))), ElementsAre("g0", "g1"));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(2), at(50), minutes(1)))), ElementsAre("g2", "g3"));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(2), at(50), minutes(1)))), ElementsAre("g4"));
}

TEST_P(StoreContract, claims_at_the_same_time_never_share_a_grant) {
  for (int i = 0; i < 40; ++i) put(due_grant("g" + std::to_string(i), i));
  std::vector<Task<Result<std::vector<GrantRecord>>>> claims;
  for (int i = 0; i < 8; ++i) claims.push_back(store->due->claim_due(shares(5), at(50), minutes(1)));
  std::set<std::string> seen;
  for (const auto& claimed : run_all(std::move(claims))) {
    for (const auto& id : ids_of(claimed)) EXPECT_TRUE(seen.insert(id).second) << id;
  }
  EXPECT_EQ(seen.size(), 40U);
}

TEST_P(StoreContract, revoked_grants_are_never_due_and_others_follow_their_due_time) {
  auto revoked = due_grant("g1", 1);
  revoked.grant.status = GrantStatus::revoked;
  put(revoked);
  const auto moved = due_grant("g2", 1);
  put(moved);
  GrantChange later;
  later.due_at = at(500);
  ASSERT_THAT(update(moved, later), holds(Updated{}));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(10), at(100), minutes(1)))), IsEmpty());
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(10), at(500), minutes(1)))), ElementsAre("g2"));
  ASSERT_THAT(commit(moved, "new"), holds(Committed{}));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(10), at(6999), minutes(1)))), IsEmpty())
      << "a commit sets it anew";
}

GrantRecord with_status(GrantRecord record, GrantStatus status) {
  record.grant.status = status;
  return record;
}

GrantRecord of_app(GrantRecord record, const char* app) {
  record.grant.app = AppId(app);
  return record;
}

TEST_P(StoreContract, each_application_gets_its_own_share) {
  for (int i = 0; i < 3; ++i) put(due_grant("g" + std::to_string(i), i));
  for (int i = 0; i < 3; ++i) put(of_app(due_grant("h" + std::to_string(i), 10 + i), "app-2"));
  put(of_app(due_grant("k0", 1), "app-3"));
  const std::vector<DueShare> both{{kApp, 1}, {AppId("app-2"), 2}, {AppId("app-3"), 0}, {AppId("nobody"), 5}};
  EXPECT_THAT(ids_of(run(store->due->claim_due(both, at(50), minutes(1)))), ElementsAre("g0", "h0", "h1"));
  EXPECT_THAT(ids_of(run(store->due->claim_due(both, at(50), minutes(1)))), ElementsAre("g1", "h2"));
  EXPECT_THAT(ids_of(run(store->due->claim_due({}, at(50), minutes(1)))), IsEmpty());
}

TEST_P(StoreContract, unsettled_grants_are_claimed_before_a_backlog_but_never_take_all_of_it) {
  for (int i = 0; i < 6; ++i) put(due_grant("old" + std::to_string(i), i));
  put(with_status(due_grant("suspect1", 20), GrantStatus::suspect));
  put(with_status(due_grant("revoking", 21), GrantStatus::revoking));
  put(with_status(due_grant("suspect2", 22), GrantStatus::suspect));
  put(with_status(due_grant("later", 90), GrantStatus::suspect));
  const auto first = run(store->due->claim_due(shares(4, 2), at(50), minutes(1)));
  EXPECT_THAT(ids_of(first), ElementsAre("suspect1", "revoking", "old0", "old1"));
  EXPECT_EQ(first->front().grant.due_at, at(110));
  const auto second = run(store->due->claim_due(shares(4, 2), at(50), minutes(1)));
  EXPECT_THAT(ids_of(second), ElementsAre("suspect2", "old2", "old3", "old4"));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(1, 5), at(50), minutes(1)))), ElementsAre("old5"));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(1, 5), at(95), minutes(1)))), ElementsAre("later"));
}

TEST_P(StoreContract, an_unsettled_grant_beyond_its_share_still_comes_when_its_time_has_come) {
  put(with_status(due_grant("suspect", 1), GrantStatus::suspect));
  put(due_grant("active", 2));
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(2, 0), at(50), minutes(1)))), ElementsAre("suspect", "active"));
}

TEST_P(StoreContract, the_outlook_tells_what_waits_and_what_should_have_been_replaced) {
  auto empty = run(store->due->outlook(kApp, at(50), 100)).value();
  EXPECT_EQ(empty.due, 0U);
  EXPECT_FALSE(empty.oldest_due);
  EXPECT_FALSE(empty.renew_first);

  auto first = due_grant("g1", 10);
  first.grant.renew_by = at(500);
  auto second = due_grant("g2", 20);
  second.grant.renew_by = at(400);
  auto third = due_grant("g3", 60);
  third.grant.renew_by = at(600);
  auto dead = with_status(due_grant("g4", 70), GrantStatus::needs_reauth);
  dead.grant.renew_by = at(1);
  auto gone = with_status(due_grant("g5", 1), GrantStatus::revoked);
  gone.grant.renew_by = at(2);
  auto other = of_app(due_grant("h1", 3), "app-2");
  other.grant.renew_by = at(3);
  for (const auto& record : {first, second, third, dead, gone, other}) put(record);
  EXPECT_EQ(load(second).grant.renew_by, at(400));

  auto outlook = run(store->due->outlook(kApp, at(50), 100)).value();
  EXPECT_EQ(outlook.due, 2U);
  EXPECT_EQ(outlook.oldest_due, at(10));
  EXPECT_FALSE(outlook.renew_first) << "nothing of the living, of this application";
  EXPECT_EQ(run(store->due->outlook(kApp, at(399), 100))->renew_first, std::nullopt);
  EXPECT_EQ(run(store->due->outlook(kApp, at(400), 100))->renew_first, at(400));
  EXPECT_EQ(run(store->due->outlook(kApp, at(700), 100))->renew_first, at(400));
  EXPECT_EQ(run(store->due->outlook(kApp, at(50), 1))->due, 1U) << "counted no further than asked";
  EXPECT_EQ(run(store->due->outlook(kApp, at(5), 100))->oldest_due, at(10)) << "although it is not due yet";

  ASSERT_THAT(commit(second, "new"), holds(Committed{}));
  EXPECT_EQ(run(store->due->outlook(kApp, at(700), 100))->renew_first, at(500));
  EXPECT_EQ(load(second).grant.renew_by, at(8000)) << "a commit sets it anew";
}

TEST_P(StoreContract, a_pair_is_overdue_also_while_somebody_works_on_it) {
  auto first = due_grant("g1", 10);
  first.grant.renew_by = at(400);
  put(first);
  EXPECT_THAT(ids_of(run(store->due->claim_due(shares(1, 1), at(450), minutes(1)))), ElementsAre("g1"));
  const auto outlook = run(store->due->outlook(kApp, at(460), 100)).value();
  EXPECT_EQ(outlook.due, 0U);
  EXPECT_EQ(outlook.renew_first, at(400));
}

TEST_P(StoreContract, attempts_whose_lease_ended_last_come_first) {
  for (const char* id : {"g1", "g3", "g2"}) {
    const auto record = account_grant(id, std::string("user of ") + id);
    put(record);
    ASSERT_THAT(begin(record, kNodeB, id), holds(Begun{}));
    store->advance(seconds(1));
  }
  store->advance(kLease);
  EXPECT_THAT(ids_of(run(store->due->abandoned(kNodeA, 10))), ElementsAre("g2", "g3", "g1"));
  EXPECT_THAT(ids_of(run(store->due->abandoned(kNodeA, 2))), ElementsAre("g2", "g3"));
}

TEST_P(StoreContract, attempts_are_abandoned_when_their_lease_ends_or_their_incarnation_died) {
  const auto of_a = account_grant("g1", "alice");
  const auto of_b = account_grant("g2", "bob");
  put(of_a);
  put(of_b);
  put(account_grant("g3", "carol"));
  ASSERT_THAT(begin(of_a, kNodeA, "attempt-1"), holds(Begun{}));
  store->advance(seconds(1));
  ASSERT_THAT(begin(of_b, kNodeB, "attempt-2"), holds(Begun{}));
  EXPECT_THAT(ids_of(run(store->due->abandoned(kNodeA, 10))), IsEmpty());
  const NodeIdentity restarted{kNodeA.id, kNodeA.incarnation.next()};
  EXPECT_THAT(ids_of(run(store->due->abandoned(restarted, 10))), ElementsAre("g1"));
  store->advance(kLease - seconds(1));
  EXPECT_THAT(ids_of(run(store->due->abandoned(kNodeB, 10))), ElementsAre("g1"));
  store->advance(seconds(1));
  EXPECT_THAT(ids_of(run(store->due->abandoned(kNodeA, 10))), UnorderedElementsAre("g1", "g2"));
  EXPECT_EQ(ids_of(run(store->due->abandoned(kNodeA, 1))).size(), 1U);
  ASSERT_THAT(commit(of_a, "new"), holds(Committed{}));
  EXPECT_THAT(ids_of(run(store->due->abandoned(kNodeA, 10))), ElementsAre("g2"));
}

TEST_P(StoreContract, health_tells_another_grants_success_from_the_askers_own) {
  const auto asking = account_grant("g1", "alice");
  const auto other = account_grant("g2", "bob");
  put(asking);
  put(other);
  const GrantRef who{kApp, asking.grant.id};
  EXPECT_FALSE(run(store->health->health(who, at(0)))->other_refreshed);
  ASSERT_THAT(commit(asking, "one", at(600)), holds(Committed{}));
  auto health = run(store->health->health(who, at(0))).value();
  EXPECT_EQ(health.refreshed, 1U);
  EXPECT_FALSE(health.other_refreshed) << "only the asking grant was refreshed";

  ASSERT_THAT(commit(other, "two", at(601)), holds(Committed{}));
  ASSERT_THAT(commit(load(asking), "three", at(602)), holds(Committed{}));
  health = run(store->health->health(who, at(0))).value();
  EXPECT_EQ(health.refreshed, 3U);
  EXPECT_TRUE(health.other_refreshed) << "although the asker was the last one";
  EXPECT_TRUE(run(store->health->health({kApp, other.grant.id}, at(0)))->other_refreshed);
}

TEST_P(StoreContract, health_looks_no_further_back_than_asked) {
  const auto asking = account_grant("g1", "alice");
  const auto other = account_grant("g2", "bob");
  put(asking);
  put(other);
  ASSERT_THAT(commit(other, "two", at(600)), holds(Committed{}));
  ASSERT_THAT(commit(asking, "one", at(1200)), holds(Committed{}));
  const GrantRef who{kApp, asking.grant.id};
  EXPECT_TRUE(run(store->health->health(who, at(600)))->other_refreshed);
  const auto later = run(store->health->health(who, at(700))).value();
  EXPECT_FALSE(later.other_refreshed);
  EXPECT_EQ(later.refreshed, 1U);
  EXPECT_EQ(run(store->health->health(who, at(1300)))->refreshed, 0U);
  EXPECT_EQ(run(store->health->health({AppId("app-2"), asking.grant.id}, at(0)))->refreshed, 0U);
}

TEST_P(StoreContract, the_same_minute_is_cut_where_asked) {
  const auto asking = account_grant("g1", "alice");
  const auto other = account_grant("g2", "bob");
  put(asking);
  put(other);
  ASSERT_THAT(commit(other, "two", at(601)), holds(Committed{}));
  ASSERT_THAT(commit(asking, "one", at(630)), holds(Committed{}));
  const GrantRef who{kApp, asking.grant.id};
  EXPECT_FALSE(run(store->health->health(who, at(610)))->other_refreshed);
  EXPECT_TRUE(run(store->health->health(who, at(601)))->other_refreshed);
}

GrantRecord refused_grant(const std::string& id, GrantStatus status, std::int64_t last_second) {
  auto grant = account_grant(id, "user of " + id);
  grant.grant.status = status;
  grant.grant.refusals.count = 1;
  grant.grant.refusals.first_at = at(0);
  grant.grant.refusals.last_at = at(last_second);
  return grant;
}

TEST_P(StoreContract, health_counts_grants_refused_lately) {
  put(refused_grant("g1", GrantStatus::suspect, 100));
  put(refused_grant("g2", GrantStatus::needs_reauth, 200));
  put(refused_grant("g3", GrantStatus::suspect, 50));
  put(account_grant("g4", "dora"));
  const GrantRef who{kApp, GrantId("g4")};
  EXPECT_EQ(run(store->health->health(who, at(100)))->refused_grants, 2U);
  EXPECT_EQ(run(store->health->health(who, at(0)))->refused_grants, 3U);
  ASSERT_THAT(commit(refused_grant("g1", GrantStatus::suspect, 100), "new"), holds(Committed{}));
  EXPECT_EQ(run(store->health->health(who, at(0)))->refused_grants, 2U) << "a success clears it";
}

TEST_P(StoreContract, grants_marked_in_a_burst_are_reopened) {
  put(refused_grant("g1", GrantStatus::needs_reauth, 200));
  put(refused_grant("g2", GrantStatus::needs_reauth, 100));
  put(refused_grant("g3", GrantStatus::suspect, 200));
  put(refused_grant("g4", GrantStatus::revoked, 200));
  EXPECT_EQ(run(store->health->reopen_refused(kApp, at(150), at(300))).value(), 1U);
  const auto reopened = load(account_grant("g1", ""));
  EXPECT_EQ(reopened.grant.status, GrantStatus::suspect);
  EXPECT_EQ(reopened.grant.due_at, at(300));
  EXPECT_EQ(reopened.grant.refusals.count, 1U);
  EXPECT_EQ(load(account_grant("g2", "")).grant.status, GrantStatus::needs_reauth);
  EXPECT_EQ(load(account_grant("g3", "")).grant.due_at, at(100));
  EXPECT_EQ(load(account_grant("g4", "")).grant.status, GrantStatus::revoked);
}

TEST_P(StoreContract, the_change_feed_starts_now_and_stands_still_when_nothing_changes) {
  put(account_grant("g1", "alice"));
  const auto start = run(store->changes->changes_since("")).value();
  EXPECT_FALSE(start.everything);
  EXPECT_FALSE(start.directory);
  EXPECT_THAT(start.grants, IsEmpty());
  ASSERT_FALSE(start.cursor.empty());
  const auto next = run(store->changes->changes_since(start.cursor)).value();
  EXPECT_FALSE(next.everything);
  EXPECT_FALSE(next.directory);
  EXPECT_THAT(next.grants, IsEmpty());
}

}  // namespace
}  // namespace keyfob::contract
