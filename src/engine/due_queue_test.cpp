// The due queue under virtual time: who is refreshed without a caller, when, how fast, and what holds it up.
#include <gtest/gtest.h>

#include "testing/world.hpp"

namespace keyfob {
namespace {

using testing::Fault;
using testing::World;

class DueQueueTest : public ::testing::Test {
 protected:
  DueQueueTest() { world.add_app(); }

  /// Grants whose refresh tokens are so near their end that they are due at once.
  std::vector<Grant> import_due(int count, const std::string& prefix = "u", Milliseconds left = days(1)) {
    std::vector<engine::NewGrant> batch;
    for (int i = 0; i < count; ++i) {
      engine::NewGrant grant;
      grant.user = UserId(prefix + std::to_string(i));
      grant.vehicles = {VehicleId("car-of-" + prefix + std::to_string(i))};
      grant.pair = world.idp.issue(grant.user.str());
      grant.expires_in = hours(2);
      grant.refresh_expires_in = left;
      batch.push_back(std::move(grant));
    }
    const auto results = world.run(world.engine->grants().import_many(world.app, std::move(batch)));
    std::vector<Grant> grants;
    for (const auto& result : *results) grants.push_back(result->grant);
    return grants;
  }
  void restart_with(const std::function<void(engine::EngineConfig&)>& change) {
    change(world.config);
    world.restart();
  }
  /// Another node has begun with this grant's refresh token and is never heard of again.
  void begin_elsewhere(const Grant& grant) {
    BeginRequest request;
    request.ref = {grant.app, grant.id};
    request.at = grant.version;
    request.attempt = AttemptId("of-another-node");
    request.node = {NodeId("node-2"), Incarnation(1)};
    request.lease = seconds(15);
    const auto begun = world.run(world.store.begin(std::move(request)));
    ASSERT_TRUE(begun && std::holds_alternative<Begun>(*begun));
  }
  double gauge(const std::string& name) { return world.metrics.gauges[name]; }
  bool rotated(const Grant& grant) { return world.stored(grant).grant.rotated_at.has_value(); }
  std::size_t rotated(const std::vector<Grant>& grants) {
    return static_cast<std::size_t>(std::ranges::count_if(grants, [&](const Grant& g) { return rotated(g); }));
  }

  World world;
};

// --- modes ---

TEST_F(DueQueueTest, AlwaysFreshKeepsAnUnusedTokenFresh) {
  restart_with([](auto& config) { config.always_fresh = true; });
  world.pass(minutes(1));  // the review of what was there is over
  const Grant grant = world.import("u1", "v1", hours(2));
  for (int i = 0; i < 24 * 6; ++i) {
    world.pass(minutes(10));
    ASSERT_GT(world.stored(grant).grant.access_expires_at, world.clock.wall() + minutes(4)) << i;
  }
  EXPECT_GE(world.idp.rotations(), 12);
  EXPECT_LE(world.idp.rotations(), 16);
}

TEST_F(DueQueueTest, OnDemandLeavesAnUnusedTokenAlone) {
  world.import("u1", "v1", hours(2));
  world.pass(days(1));
  EXPECT_EQ(world.idp.exchanges(), 0);
}

TEST_F(DueQueueTest, ATurnToAlwaysFreshReachesTheGrantsThatAreThere) {
  const Grant idle = world.import("u1", "v1", hours(2));
  const Grant expired = world.import("u2", "v2", seconds(0));
  restart_with([](auto& config) { config.always_fresh = true; });
  world.pass(seconds(10));
  EXPECT_TRUE(rotated(expired));
  EXPECT_FALSE(rotated(idle));
  world.pass(hours(2));
  EXPECT_TRUE(rotated(idle));
  EXPECT_EQ(world.metrics.counts["due_plans_brought_forward"], 2);
}

TEST_F(DueQueueTest, ALongerKeepAliveReachesTheGrantsThatAreThere) {
  restart_with([](auto& config) { config.recovery_interval = minutes(5), config.max_staleness = minutes(20); });
  const Grant grant = world.import("u1", "v1");
  EXPECT_GT(world.stored(grant).grant.due_at, world.clock.wall() + days(40));
  restart_with([](auto& config) { config.keep_alive = days(29); });
  world.pass(days(32));
  EXPECT_TRUE(rotated(grant));
}

TEST_F(DueQueueTest, TheReviewMovesNothingThatIsPlannedRight) {
  for (int i = 0; i < 20; ++i) world.import("u" + std::to_string(i), "v" + std::to_string(i));
  world.restart();
  world.pass(minutes(1));
  EXPECT_EQ(world.metrics.counts["due_plans_brought_forward"], 0);
  EXPECT_EQ(world.idp.exchanges(), 0);
}

// --- pace ---

TEST_F(DueQueueTest, TheBackgroundKeepsToItsRate) {
  restart_with([](auto& config) { config.max_rate = 20; });
  const std::vector<Grant> grants = import_due(200);
  int before = world.idp.exchanges();
  for (int second = 0; second < 9; ++second) {
    world.pass(seconds(1));
    EXPECT_LE(world.idp.exchanges() - before, 20) << second;
    before = world.idp.exchanges();
  }
  EXPECT_GE(world.idp.rotations(), 140);
  world.pass(seconds(5));
  EXPECT_EQ(rotated(grants), 200U);
  EXPECT_EQ(world.idp.rotations(), 200);
}

TEST_F(DueQueueTest, WhatDoesNotFitStaysInTheQueueUntouched) {
  restart_with([](auto& config) { config.max_rate = 5; });
  const std::vector<Grant> grants = import_due(100);
  const WallTime due = grants.front().due_at;
  world.pass(Milliseconds(4500));
  std::size_t waiting = 0;
  for (const Grant& grant : grants) {
    if (world.stored(grant).grant.due_at == due) ++waiting;
  }
  EXPECT_GE(waiting, 70U) << "nobody is claimed only to be put back";
}

TEST_F(DueQueueTest, ACallerIsServedBeforeABacklog) {
  world.idp.latency = Milliseconds(2300);
  restart_with([](auto& config) { config.max_in_flight = 8, config.max_rate = 50; });
  import_due(500);
  world.pass(Milliseconds(1200));
  for (int i = 0; i < 6; ++i) {
    const std::string n = std::to_string(i);
    world.import("caller" + n, "hers" + n, seconds(0));
    world.pass(Milliseconds(700));
    const BootTime asked = world.clock.boot();
    EXPECT_TRUE(world.get("hers" + n));
    EXPECT_LE(world.clock.boot() - asked, Milliseconds(2400)) << "half of the places are never the background's";
  }
  EXPECT_LE(world.idp.most_at_once(), 8);
}

TEST_F(DueQueueTest, CallersBeyondThePlacesWaitAheadOfTheBackground) {
  world.idp.latency = seconds(2);
  restart_with([](auto& config) { config.max_in_flight = 4, config.max_rate = 50; });
  import_due(500);
  for (int i = 0; i < 12; ++i) world.import("caller" + std::to_string(i), "hers" + std::to_string(i), seconds(0));
  world.pass(seconds(1));
  int answered = 0;
  for (int i = 0; i < 12; ++i) {
    asio::co_spawn(world.context, world.engine->get(world.app, "", "hers" + std::to_string(i), seconds(30)),
                   [&](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>& answer) {
                     if (answer) ++answered;
                   });
  }
  const BootTime asked = world.clock.boot();
  world.run_until([&] { return answered == 12; });
  EXPECT_LE(world.clock.boot() - asked, seconds(9)) << "three rounds of four, and what was on the wire already";
  EXPECT_LE(world.idp.most_at_once(), 4);
}

TEST_F(DueQueueTest, ACallerWhoJoinsAWaitingRefreshLendsItHisPlaceInLine) {
  world.idp.latency = seconds(2);
  restart_with([](auto& config) { config.max_in_flight = 2, config.max_rate = 100, config.ahead = hours(3); });
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    world.import("u" + n, "v" + n, hours(1));
    EXPECT_TRUE(world.get("v" + n));  // served, and refreshed behind the caller's back: 40 wait for 2 places
  }
  const auto last = world.stored(world.import("u40", "v40", hours(1))).grant;
  EXPECT_TRUE(world.get("v40"));
  const BootTime asked = world.clock.boot();
  const auto now = world.run(world.engine->refresh({last.app, last.id}, seconds(30)));
  EXPECT_TRUE(now);
  EXPECT_LE(world.clock.boot() - asked, seconds(5));
}

TEST_F(DueQueueTest, RefreshesAheadOfCallersMayBorrowASecondsWorthAfterQuietTimes) {
  restart_with([](auto& config) { config.max_rate = 25, config.ahead = hours(3); });
  for (int i = 0; i < 100; ++i) world.import("u" + std::to_string(i), "v" + std::to_string(i), hours(1));
  world.pass(seconds(30));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(world.get("v" + std::to_string(i)));
  EXPECT_GE(world.idp.exchanges(), 49) << "25 saved up, 25 lent";
  EXPECT_LE(world.idp.exchanges(), 52);
}

// --- who is first ---

TEST_F(DueQueueTest, ASuspectIsConfirmedWithinAMinuteWhateverTheBacklog) {
  restart_with([](auto& config) { config.max_rate = 5; });
  import_due(1000);  // 200 seconds of work
  const Grant gone = world.import("gone", "gone", seconds(0));
  world.idp.withdraw("gone");
  world.pass(seconds(5));
  EXPECT_FALSE(world.get("gone"));
  EXPECT_EQ(world.stored(gone).grant.status, GrantStatus::suspect);
  world.pass(seconds(55));
  EXPECT_EQ(world.stored(gone).grant.status, GrantStatus::needs_reauth);
}

TEST_F(DueQueueTest, ASuspendedApplicationHoldsNobodyElseUp) {
  import_due(300, "broken");
  const AppId broken = world.app;
  world.idp.client_secret = "changed";
  world.pass(seconds(3));
  world.add_app("healthy");
  engine::ApplicationEdit edit;
  edit.client_secret = ClientSecret("changed");
  ASSERT_TRUE(world.run(world.engine->directory().set_application(world.app, std::move(edit))));
  const std::vector<Grant> healthy = import_due(60, "healthy");
  world.pass(seconds(5));
  EXPECT_EQ(rotated(healthy), 60U);
  EXPECT_EQ(gauge("application_suspended.app=fleet"), 1);
  EXPECT_EQ(gauge("application_suspended.app=healthy"), 0);
  EXPECT_GE(gauge("application_due_grants.app=fleet"), 200);
  ASSERT_TRUE(world.run(world.engine->directory().remove_application(broken)));
  world.pass(seconds(10));
  EXPECT_EQ(gauge("application_due_grants.app=fleet"), 0) << "its series end at zero";
}

TEST_F(DueQueueTest, ANeedsReauthGrantIsProbedSlowlyAndComesBack) {
  restart_with([](auto& config) { config.recovery_interval = seconds(30), config.max_staleness = minutes(5); });
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.always = Fault::refuse;
  EXPECT_FALSE(world.get("v1"));
  world.pass(hours(1));
  ASSERT_EQ(world.stored(grant).grant.status, GrantStatus::needs_reauth);
  const int before = world.idp.exchanges();
  world.pass(days(7));
  EXPECT_GE(world.idp.exchanges() - before, 7);
  EXPECT_LE(world.idp.exchanges() - before, 12) << "every 6 hours at first, once a day later";
  EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::needs_reauth);
  world.idp.always = Fault::none;
  world.pass(hours(27));
  EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::active);
  EXPECT_EQ(world.events.count("grant.recovered"), 1U);
}

// --- trouble ---

TEST_F(DueQueueTest, A429PausesTheQueueAsToldAndHalvesItsRate) {
  restart_with([](auto& config) { config.max_rate = 20; });
  world.idp.retry_after = seconds(30);
  import_due(1000, "u");
  import_due(1000, "w");
  world.pass(Milliseconds(1500));
  world.idp.next({Fault::throttled});
  world.pass(seconds(2));
  const int before = world.idp.exchanges();
  world.pass(seconds(27));
  EXPECT_EQ(world.idp.exchanges(), before) << "Retry-After: 30";
  EXPECT_EQ(gauge("application_paused.app=fleet"), 1);
  world.pass(seconds(4));
  const int after = world.idp.exchanges();
  EXPECT_GT(after, before);
  world.pass(seconds(10));
  EXPECT_LE(world.idp.exchanges() - after, 140) << "half of 20 a second, growing by 4 a minute";
  EXPECT_GE(world.idp.exchanges() - after, 90);
  world.pass(minutes(6));
  EXPECT_DOUBLE_EQ(gauge("application_rate.app=fleet"), 20);
}

TEST_F(DueQueueTest, AnOutrageousRetryAfterIsBounded) {
  world.idp.retry_after = days(30);
  world.idp.next({Fault::throttled});
  const std::vector<Grant> grants = import_due(3);
  world.pass(minutes(30));
  EXPECT_EQ(rotated(grants), 3U);
}

TEST_F(DueQueueTest, ARecoveryWaitsForA429NoLongerThanHalfTheWindow) {
  const Grant lost = world.import("lost", "v1", seconds(0));
  world.import("other", "v2", seconds(0));
  begin_elsewhere(lost);
  world.idp.next({Fault::throttled});
  world.idp.retry_after = minutes(5);
  EXPECT_FALSE(world.get("v2"));
  world.pass(seconds(28));  // the lease ended at 15
  EXPECT_EQ(world.idp.exchanges(), 1) << "Retry-After is honoured";
  world.pass(seconds(4));
  EXPECT_TRUE(rotated(lost)) << "but not at the price of the window";
  EXPECT_FALSE(world.get("v2")) << "while callers are still told to wait";
  EXPECT_EQ(world.idp.exchanges(), 2);
}

TEST_F(DueQueueTest, RecoveryHasPlacesOfItsOwn) {
  world.idp.latency = seconds(9);
  restart_with([](auto& config) { config.max_in_flight = 2; });
  const Grant lost = world.import("lost", "lost", seconds(0));
  for (int i = 0; i < 12; ++i) {
    world.import("u" + std::to_string(i), "v" + std::to_string(i), seconds(0));
    asio::co_spawn(world.context, world.engine->get(world.app, "", "v" + std::to_string(i), minutes(2)),
                   [](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>&) {});
  }
  begin_elsewhere(lost);
  world.pass(seconds(26));  // the lease of 15 s, a tick, an exchange of 9 s; a caller's place is free after 18 s
  EXPECT_TRUE(rotated(lost));
  EXPECT_EQ(world.idp.most_at_once(), 3);
}

TEST_F(DueQueueTest, BeyondTheWindowARecoveryHasItsTurnLikeEverybodyElse) {
  const Grant lost = import_due(1, "lost").front();  // the queue would have it, too
  begin_elsewhere(lost);
  world.idp.always = Fault::server_error;
  world.pass(seconds(70));
  const int inside = world.idp.exchanges();
  EXPECT_GE(inside, 5) << "inside: again and again";
  world.pass(hours(3));
  EXPECT_LE(world.idp.exchanges() - inside, 40) << "later: with growing pauses";
  world.idp.always = Fault::none;
  world.pass(hours(1));
  EXPECT_TRUE(rotated(lost));
}

TEST_F(DueQueueTest, AProviderThatDoesNotSayWhoseAConsentIsHoldsNoRecoveryUp) {
  world.idp.identity_latency = minutes(30);
  engine::NewGrant grant;
  grant.user = UserId("new");
  grant.pair = world.idp.issue("new");
  grant.expires_in = hours(2);
  grant.provisional = true;
  ASSERT_TRUE(world.run(world.engine->grants().import_one(world.app, std::move(grant))));
  const Grant lost = world.import("lost", "v1", seconds(0));
  world.pass(seconds(40));  // by now the background asks whose it is
  begin_elsewhere(lost);
  world.pass(seconds(20));
  EXPECT_TRUE(rotated(lost));
}

TEST_F(DueQueueTest, FailuresAreForgottenWithTheFirstSuccess) {
  const Grant grant = import_due(1).front();
  world.idp.always = Fault::unsent;
  world.pass(hours(3));
  world.idp.always = Fault::none;
  world.pass(hours(2));
  ASSERT_TRUE(rotated(grant));
  world.idp.always = Fault::unsent;
  import_due(1);  // the same owner again
  const int before = world.idp.exchanges();
  world.pass(seconds(40));
  EXPECT_GE(world.idp.exchanges() - before, 6) << "two tries of three requests, as if it were the first time";
}

TEST_F(DueQueueTest, AGrantThatAlwaysFailsIsTriedLessAndLessOftenAndHoldsNobodyUp) {
  world.idp.fault_of = [](const std::string& owner) { return owner == "bad" ? Fault::unsent : Fault::none; };
  const Grant bad = import_due(1, "ba").front();
  world.idp.fault_of = [](const std::string& owner) { return owner == "ba0" ? Fault::unsent : Fault::none; };
  world.pass(minutes(5));
  const int first = world.idp.exchanges();
  world.pass(hours(12));
  const int later = world.idp.exchanges() - first;
  EXPECT_GE(later / 3, 12) << "each try asks three times";
  EXPECT_LE(later / 3, 60) << "half an hour apart on average";
  EXPECT_EQ(rotated(import_due(50)), 0U);
  world.pass(seconds(5));
  EXPECT_EQ(world.stored(bad).grant.status, GrantStatus::active);
  EXPECT_GT(gauge("keep_alive_lag_seconds"), 43'000) << "and the alarm rings";
}

TEST_F(DueQueueTest, ASickProviderPutsFewGrantsAtRiskAndAllAreFreshSoonAfterItIsWell) {
  world.idp.always = Fault::server_error;
  const std::vector<Grant> grants = import_due(400);
  world.pass(minutes(5));
  std::size_t attempted = 0;
  for (const Grant& grant : grants) {
    if (world.stored(grant).grant.attempt) ++attempted;
  }
  EXPECT_LE(attempted, 100U) << "not 400: the circuit is open";
  EXPECT_EQ(gauge("application_circuit_open.app=fleet"), 1);
  const BootTime asked = world.clock.boot();
  world.import("caller", "hers", seconds(0));
  EXPECT_FALSE(world.get("hers", seconds(30)));
  EXPECT_LE(world.clock.boot() - asked, seconds(30)) << "callers are told at once or when their patience ends";
  world.idp.always = Fault::none;
  world.pass(seconds(15));
  EXPECT_EQ(gauge("application_circuit_open.app=fleet"), 0);
  world.pass(minutes(10));
  EXPECT_EQ(rotated(grants), 400U);
  EXPECT_EQ(gauge("keep_alive_lag_seconds"), 0);
}

TEST_F(DueQueueTest, NoMoreExchangesAreOnTheWireThanRecoveryCouldDrain) {
  world.idp.latency = seconds(5);
  restart_with([](auto& config) { config.max_in_flight = 16, config.lease = seconds(38); });  // (60-38-1)/10: 2 rounds
  for (int i = 0; i < 40; ++i) world.import("u" + std::to_string(i), "v" + std::to_string(i), seconds(0));
  int answered = 0;
  for (int i = 0; i < 40; ++i) {
    asio::co_spawn(world.context, world.engine->get(world.app, "", "v" + std::to_string(i), minutes(2)),
                   [&](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>&) { ++answered; });
  }
  world.run_until([&] { return answered == 40; });
  EXPECT_EQ(world.idp.most_at_once(), 8) << "16 places x 2 rounds / 4 nodes";
}

// --- the alarm ---

TEST_F(DueQueueTest, TheLagIsZeroWhileAllIsWellAndCountsFromTheLineWhenItIsNot) {
  import_due(10, "u", days(1));
  world.pass(seconds(20));
  EXPECT_EQ(gauge("keep_alive_lag_seconds"), 0);
  EXPECT_EQ(gauge("due_lag_seconds"), 0);
  EXPECT_EQ(gauge("due_grants"), 0);
  EXPECT_GT(gauge("due_checked_timestamp_seconds"), 0);
  world.idp.client_secret = "changed";
  import_due(10, "late", days(1));
  world.pass(hours(5));
  EXPECT_NEAR(gauge("keep_alive_lag_seconds"), 5 * 3600, 60) << "back-offs and holds do not hide it";
  EXPECT_NEAR(gauge("application_keep_alive_lag_seconds.app=fleet"), 5 * 3600, 60);
  world.idp.client_secret = "secret";
  world.pass(minutes(2));
  EXPECT_EQ(gauge("keep_alive_lag_seconds"), 0);
}

}  // namespace
}  // namespace keyfob
