// The whole engine over a memory store and a scripted provider, under virtual time.
#include <gtest/gtest.h>

#include "testing/world.hpp"

namespace keyfob {
namespace {

using testing::Fault;
using testing::World;
using CommitFault = testing::FaultyRefreshStore::CommitFault;

std::string token_of(const std::expected<GrantToken, TokenFailure>& answer) {
  return answer ? std::string(reveal_secret(answer->token)) : "no token";
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { world.add_app(); }
  World world;
};

TEST_F(EngineTest, AnImportedTokenIsServedUntilItExpires) {
  world.import("u1", "v1");
  const auto answer = world.get("v1");
  ASSERT_TRUE(answer);
  EXPECT_EQ(token_of(answer), "access-1");
  EXPECT_EQ(answer->user.view(), "u1");
  EXPECT_EQ(world.idp.exchanges(), 0);
}

TEST_F(EngineTest, NobodyWaitsLongForAStoreThatDoesNotAnswer) {
  world.import("u1", "v1", minutes(10));
  ASSERT_TRUE(world.get("v1"));
  for (const bool refuse : {false, true}) {
    world.reads.silent = false;
    world.config.refuse_on_store_outage = refuse;
    world.restart();
    ASSERT_TRUE(world.get("v1"));
    world.reads.silent = true;
    const BootTime asked = world.clock.boot();
    const auto known = world.get("v1");
    const auto unknown = world.get("v2");
    EXPECT_LE(world.clock.boot() - asked, seconds(5)) << "for both";
    if (refuse) {
      EXPECT_EQ(known.error().problem, TokenProblem::store_unavailable);
    } else {
      EXPECT_EQ(token_of(known), "access-1") << "it is in memory";
    }
    EXPECT_EQ(unknown.error().problem, TokenProblem::store_unavailable);
  }
}

TEST_F(EngineTest, AnExpiredTokenIsRefreshedAndBothTokensAreReplaced) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  const auto answer = world.get("v1");
  EXPECT_EQ(token_of(answer), "access-3");
  EXPECT_TRUE(answer->refreshed);
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-4");
  EXPECT_EQ(world.stored(grant).grant.version.generation, grant.version.generation.next());
  EXPECT_FALSE(world.stored(grant).grant.attempt.has_value());
}

TEST_F(EngineTest, FiftyCallersOfOneExpiredGrantCauseOneRotation) {
  world.import("u1", "v1", seconds(0));
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    asio::co_spawn(world.context, world.engine->get(world.app, "", "v1", seconds(30)),
                   [&](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>& answer) {
                     if (token_of(answer) == "access-3") ++answered;
                   });
  }
  world.run_until([&] { return answered == 50; });
  EXPECT_EQ(world.idp.rotations(), 1);
}

TEST_F(EngineTest, ATokenWithLittleLeftIsServedAndRefreshedBehindTheCallersBack) {
  world.import("u1", "v1", minutes(4));
  EXPECT_EQ(token_of(world.get("v1")), "access-1");
  world.pass(seconds(5));
  EXPECT_EQ(world.idp.rotations(), 1);
  EXPECT_EQ(token_of(world.get("v1")), "access-3");
}

TEST_F(EngineTest, TheHotPathServesFromMemoryAndNeverAnExpiredToken) {
  world.import("u1", "v1", minutes(10));
  ASSERT_TRUE(world.get("v1"));
  TokenSlot slot;
  const Subject subject{.vehicle = "v1"};
  ASSERT_TRUE(world.engine->try_get(world.app, subject, slot));
  EXPECT_EQ(slot.token.view(), "access-1");
  EXPECT_FALSE(world.engine->try_get(AppId("other"), subject, slot));
  world.clock.advance(minutes(10));
  EXPECT_FALSE(world.engine->try_get(world.app, subject, slot));
}

TEST_F(EngineTest, ALostAnswerIsRecoveredInsideTheReuseWindow) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::drop_after_rotation});
  const auto answer = world.get("v1", minutes(2));
  EXPECT_EQ(token_of(answer), "access-3");
  EXPECT_EQ(world.idp.rotations(), 1);
  EXPECT_EQ(world.idp.late_uses(), 0);
  EXPECT_TRUE(world.idp.accepts(world.stored_refresh_token(grant)));
}

TEST_F(EngineTest, AnAnswerLaterThanTheTimeoutIsStillTaken) {
  world.idp.slow_by = seconds(14);
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::slow, Fault::drop_before, Fault::drop_before});
  const auto answer = world.get("v1", minutes(2));
  EXPECT_EQ(token_of(answer), "access-3");
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-4");
}

TEST_F(EngineTest, AStrictProvidersLateAnswerIsReadOnSinceItIsTheOnlyCopy) {
  world.profile.reuse_window = seconds(0);
  world.profile.late_reuse = false;
  world.restart();
  world.idp.reuse_window = seconds(0);
  world.idp.slow_by = seconds(55);
  const Grant grant = world.import("u1", "v1", hours(1));
  world.idp.next({Fault::slow});
  const auto refreshed = world.run(world.engine->refresh({grant.app, grant.id}, minutes(2)));
  EXPECT_TRUE(refreshed);
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-4");
  EXPECT_EQ(world.idp.exchanges(), 1);
}

TEST_F(EngineTest, KilledAfterTheProviderRotatedItRecoversOnRestart) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::drop_after_rotation});
  asio::co_spawn(world.context, world.engine->get(world.app, "", "v1", seconds(30)),
                 [](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>&) {});
  world.run_until([&] { return world.idp.rotations() == 1; });
  world.restart();
  world.pass(seconds(3));
  EXPECT_EQ(world.idp.rotations(), 1);
  EXPECT_EQ(world.idp.late_uses(), 0);
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-4");
  EXPECT_EQ(token_of(world.get("v1")), "access-3");
}

TEST_F(EngineTest, ACommitThatTheStoreRefusesIsServedFromTheSpoolAndStoredLater) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.refreshes.always = CommitFault::refuse;
  EXPECT_EQ(token_of(world.get("v1")), "access-3");
  EXPECT_EQ(world.stored(grant).grant.version, grant.version);
  world.restart();
  EXPECT_EQ(token_of(world.get("v1")), "access-3");
  world.refreshes.always = CommitFault::none;
  world.pass(seconds(3));
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-4");
  EXPECT_TRUE(world.spool.entries().empty());
  EXPECT_EQ(world.idp.rotations(), 1);
}

TEST_F(EngineTest, ALostAcknowledgementIsRecognisedAsOurOwnCommit) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.refreshes.next = {CommitFault::lose_acknowledgement};
  EXPECT_EQ(token_of(world.get("v1")), "access-3");
  world.pass(seconds(3));
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-4");
  EXPECT_TRUE(world.spool.entries().empty());
}

TEST_F(EngineTest, NothingIsSentWhenTheAttemptCannotBeStored) {
  world.import("u1", "v1", seconds(0));
  world.refreshes.begin_fails = true;
  const auto answer = world.get("v1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().problem, TokenProblem::store_unavailable);
  EXPECT_EQ(world.idp.exchanges(), 0);
}

TEST_F(EngineTest, NothingIsSentWithoutAFreeSpoolSlot) {
  world.import("u1", "v1", seconds(0));
  while (world.spool.reserve()) {
  }
  EXPECT_FALSE(world.get("v1"));
  EXPECT_EQ(world.idp.exchanges(), 0);
}

TEST_F(EngineTest, AWrongClientSecretSuspendsTheApplicationAndTouchesNoGrant) {
  const Grant expired = world.import("u1", "v1", seconds(0));
  world.import("u2", "v2", hours(1));
  world.idp.client_secret = "changed";
  const auto answer = world.get("v1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().problem, TokenProblem::application_suspended);
  EXPECT_EQ(token_of(world.get("v2")), "access-3");
  EXPECT_EQ(world.stored(expired).grant.status, GrantStatus::active);
  EXPECT_FALSE(world.stored(expired).grant.attempt.has_value());
  EXPECT_EQ(world.events.count("application.suspended"), 1U);
  world.idp.client_secret = "secret";
  world.pass(seconds(15));
  EXPECT_TRUE(world.get("v1"));
  EXPECT_EQ(world.events.count("application.resumed"), 1U);
}

TEST_F(EngineTest, ANewClientSecretIsTriedAtOnceAndTheOldOneIsTheSecondChoice) {
  world.import("u1", "v1", seconds(0));
  engine::ApplicationEdit edit;
  edit.client_secret = ClientSecret("next");
  ASSERT_TRUE(world.run(world.engine->directory().set_application(world.app, std::move(edit))));
  EXPECT_TRUE(world.get("v1"));  // the provider still wants the old one
  EXPECT_EQ(world.events.count("application.suspended"), 0U);
}

TEST_F(EngineTest, ARefusalIsConfirmedNeverBelievedAtOnce) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.import("u2", "v2", seconds(0));
  world.idp.withdraw("u1");
  const auto first = world.get("v1");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().problem, TokenProblem::refresh_refused);
  EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::suspect);
  ASSERT_TRUE(world.get("v2"));  // shows the provider healthy
  world.pass(minutes(1));
  EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::needs_reauth);
  const auto later = world.get("v1");
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().problem, TokenProblem::needs_reauth);
  EXPECT_EQ(world.events.count("grant.needs_reauth"), 1U);
  EXPECT_FALSE(world.stored(grant).sealed.refresh.empty());
}

TEST_F(EngineTest, ASuspectGrantRecoversByItself) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::refuse});
  EXPECT_FALSE(world.get("v1"));
  world.pass(seconds(20));
  EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::active);
  EXPECT_EQ(world.events.count("grant.recovered"), 1U);
  EXPECT_TRUE(world.get("v1"));
}

TEST_F(EngineTest, ABurstOfRefusalsCostsNoConsent) {
  std::vector<Grant> grants;
  for (int i = 0; i < 8; ++i)
    grants.push_back(world.import("u" + std::to_string(i), "v" + std::to_string(i), seconds(0)));
  world.idp.always = Fault::refuse;
  for (int i = 0; i < 8; ++i) EXPECT_FALSE(world.get("v" + std::to_string(i)));
  world.pass(minutes(30));
  for (const Grant& grant : grants) EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::suspect);
  EXPECT_GT(world.events.count("application.refusals"), 0U);
  world.idp.always = Fault::none;
  world.pass(minutes(15));
  for (const Grant& grant : grants) EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::active);
}

TEST_F(EngineTest, ARefreshTokenWithoutAnAccessTokenIsKeptAndUsed) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::no_access_token});
  EXPECT_TRUE(world.get("v1", minutes(1)));
  EXPECT_TRUE(world.idp.accepts(world.stored_refresh_token(grant)));
  EXPECT_EQ(world.idp.late_uses(), 0);
}

TEST_F(EngineTest, A401CausesOneRotationAndNotASecondWithinTheInterval) {
  const Grant grant = world.import("u1", "v1");
  const auto token = world.get("v1");
  const auto next = world.run(world.engine->after_refusal(token->ref, token->version, "car", seconds(30)));
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->refreshed);
  const auto again = world.run(world.engine->after_refusal(next->ref, next->version, "car", seconds(30)));
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->refreshed);
  EXPECT_EQ(again->version, next->version);
  const auto stale = world.run(
      world.engine->after_refusal(grant.app.empty() ? token->ref : token->ref, token->version, "car", seconds(30)));
  EXPECT_EQ(stale->version, next->version);
  EXPECT_EQ(world.idp.rotations(), 1);
}

TEST_F(EngineTest, A401JoinsNoRefreshThatIsAboutAnOlderPair) {
  world.import("u1", "v1");
  const auto old = world.get("v1");
  world.idp.slow_by = seconds(5);
  world.idp.next({Fault::slow});
  asio::co_spawn(*world.node_context, world.engine->after_refusal(old->ref, old->version, "v1", seconds(30)),
                 asio::detached);
  world.pass(seconds(1));
  world.import("u1", "v1");
  const auto fresh = world.get("v1");
  const auto next = world.run(world.engine->after_refusal(fresh->ref, fresh->version, "v1", seconds(30)));
  ASSERT_TRUE(next);
  EXPECT_NE(next->version, fresh->version);
  EXPECT_EQ(world.idp.rotations(), 2);
}

TEST_F(EngineTest, AVehicleThatIsRefusedWhateverTheTokenDoesNotRotateTheGrantForEver) {
  world.import("u1", "v1");
  const auto token = world.get("v1");
  GrantVersion sent = token->version;
  for (int minute = 0; minute < 6 * 60; ++minute) {
    const auto next = world.run(world.engine->after_refusal(token->ref, sent, "v1", seconds(30)));
    ASSERT_TRUE(next);
    if (next->version != sent) world.engine->refused_again(next->ref, next->version, "v1");
    sent = next->version;
    world.pass(minutes(1));
  }
  EXPECT_GE(world.idp.rotations(), 6);
  EXPECT_LE(world.idp.rotations(), 14) << "0, 1, 3, 7, 15, 31, 63 minutes, then hourly, and what expiry asks for";
  const auto other = world.run(world.engine->after_refusal(token->ref, sent, "v2", seconds(30)));
  EXPECT_NE(other->version, sent) << "another vehicle's call may";
}

TEST_F(EngineTest, AttentionIsShownAndBlocksNothing) {
  const Grant grant = world.import("u1", "v1");
  const GrantRef ref{grant.app, grant.id};
  for (int i = 0; i < 50; ++i) world.engine->attention().note(ref, "PERMISSION", "v1");
  world.pass(seconds(1));
  const Grant shown = world.stored(grant).grant;
  ASSERT_TRUE(shown.attention);
  EXPECT_EQ(shown.attention->reason, "PERMISSION");
  EXPECT_EQ(shown.attention->vehicle.view(), "v1");
  EXPECT_EQ(shown.status, GrantStatus::active);
  EXPECT_EQ(shown.version, grant.version);
  EXPECT_EQ(world.events.count("grant.attention"), 1U);
  EXPECT_TRUE(world.get("v1"));
  world.engine->attention().note(ref, "OTHER", "");
  world.pass(seconds(1));
  EXPECT_EQ(world.stored(grant).grant.attention->reason, "OTHER");
  EXPECT_EQ(world.events.count("grant.attention"), 2U);
}

TEST_F(EngineTest, RevokeTellsTheProviderThenForgetsTheTokens) {
  const Grant grant = world.import("u1", "v1");
  ASSERT_TRUE(world.get("v1"));
  const auto state = world.run(world.engine->revoke({grant.app, grant.id}, false));
  ASSERT_TRUE(state);
  EXPECT_EQ(*state, engine::RevokeState::done);
  EXPECT_EQ(world.idp.revoked(), 1);
  EXPECT_TRUE(world.stored(grant).sealed.refresh.empty());
  const auto answer = world.get("v1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().problem, TokenProblem::revoked);
  TokenSlot slot;
  EXPECT_FALSE(world.engine->try_get(world.app, Subject{.vehicle = "v1"}, slot));
}

TEST_F(EngineTest, ARevokeThatTheProviderDoesNotHearIsRetriedAndServesNothingMeanwhile) {
  const Grant grant = world.import("u1", "v1");
  world.idp.revoke_fails = true;
  EXPECT_EQ(*world.run(world.engine->revoke({grant.app, grant.id}, false)), engine::RevokeState::still_trying);
  EXPECT_EQ(world.get("v1").error().problem, TokenProblem::revoked);
  world.idp.revoke_fails = false;
  world.pass(minutes(2));
  EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::revoked);
}

TEST_F(EngineTest, AnImportDuringARefreshWinsAndTheOldConsentsPairIsNeverStored) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.slow_by = seconds(5);
  world.idp.next({Fault::slow});
  asio::co_spawn(world.context, world.engine->get(world.app, "", "v1", seconds(30)),
                 [](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>&) {});
  world.run_until([&] { return world.idp.rotations() == 1; });
  const Grant again = world.import("u1", "v1");
  world.pass(minutes(2));
  EXPECT_EQ(again.id, grant.id);
  EXPECT_EQ(world.stored(grant).grant.version, again.version);
  EXPECT_EQ(token_of(world.get("v1")), "access-5");
}

TEST_F(EngineTest, ADamagedRecordIsReportedAndLeftAsItIs) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.import("u2", "v2");
  GrantRecord record = world.stored(grant);
  record.sealed.refresh[40] ^= 1U;
  record.grant.version.generation = record.grant.version.generation.next();
  std::vector<PutRequest> put(1);
  put[0].record = record;
  put[0].replaces = grant.version;
  ASSERT_TRUE(world.run(world.store.put(std::move(put))));
  world.restart();
  const auto answer = world.get("v1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().problem, TokenProblem::record_damaged);
  EXPECT_EQ(world.stored(grant).sealed.refresh, record.sealed.refresh);
  EXPECT_EQ(world.idp.exchanges(), 0);
  EXPECT_TRUE(world.get("v2"));
}

TEST_F(EngineTest, AVehicleOfTwoUsersIsAmbiguousUntilOneIsNamed) {
  world.import("u1", "v1");
  world.import("u2", "v1");
  EXPECT_EQ(world.get("v1").error().problem, TokenProblem::ambiguous_grant);
  const auto named = world.run(world.engine->get(world.app, "u2", "v1", seconds(5)));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->user.view(), "u2");
  EXPECT_EQ(world.get("v1").error().problem, TokenProblem::ambiguous_grant);
  TokenSlot slot;
  EXPECT_FALSE(world.engine->try_get(world.app, Subject{.vehicle = "v1"}, slot));
}

TEST_F(EngineTest, ConsentStoresThePairThenLearnsWhoseItIs) {
  world.idp.vehicles["owner-9"] = {VehicleId("car-1"), VehicleId("car-2")};
  engine::ConnectRequest request;
  request.app = world.app;
  request.user = UserId("u9");
  request.return_to = "https://app.example/done";
  const auto url = world.run(world.engine->consent().start(std::move(request)));
  ASSERT_TRUE(url) << url.error().what;
  engine::CallbackRequest callback;
  callback.code = "owner-9";
  callback.state = url->state;
  engine::CallbackRequest again = callback;
  const auto result = world.run(world.engine->consent().finish(std::move(callback)));
  ASSERT_TRUE(result);
  ASSERT_TRUE(result->grant) << result->detail;
  EXPECT_EQ(result->grant->provider_user.view(), "owner-9");
  EXPECT_EQ(result->grant->vehicles.size(), 2U);
  EXPECT_TRUE(world.get("car-2"));
  EXPECT_FALSE(world.run(world.engine->consent().finish(std::move(again))));
}

TEST_F(EngineTest, AnIdleGrantIsKeptAliveBeforeItsRefreshTokenEnds) {
  world.config.recovery_interval = minutes(10);
  world.config.max_staleness = minutes(30);
  world.restart();
  const Grant grant = world.import("u1", "v1");
  world.pass(days(59));
  EXPECT_GE(world.idp.rotations(), 1);
  EXPECT_TRUE(world.idp.accepts(world.stored_refresh_token(grant)));
}

}  // namespace
}  // namespace keyfob
