// What the simulation found, each as the shortest story that shows it.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "engine/sealer.hpp"
#include "testing/world.hpp"

namespace keyfob {
namespace {

using testing::Fault;
using CommitFault = testing::FaultyRefreshStore::CommitFault;
using testing::World;

class FoundBySimulation : public ::testing::Test {
 protected:
  FoundBySimulation() { world.add_app(); }

  /// A late pair with this refresh token, as the answer to a use of the token of `at`.
  void keep_late(const Grant& grant, Generation at, const std::string& refresh) {
    engine::Sealer sealer(world.engine->directory(), world.random);
    KeptPair pair;
    pair.app = grant.app;
    pair.grant = grant.id;
    pair.at = {at, grant.version.epoch};
    pair.sealed = *sealer.seal(grant.app, grant.id, {at.next(), grant.version.epoch},
                               {AccessToken("access-late"), RefreshToken(refresh)});
    ASSERT_TRUE(world.run(world.store.keep_late(std::move(pair))));
  }

  World world;
};

TEST_F(FoundBySimulation, ASuspendedApplicationComesBackAlsoWhenTheGrantThatFoundOutIsRevoked) {
  const Grant grant = world.import("u1", "v1", hours(1));
  world.import("u2", "v2", hours(1));
  world.idp.client_secret = "changed";
  ASSERT_FALSE(world.run(world.engine->refresh({grant.app, grant.id}, seconds(30))));
  ASSERT_EQ(*world.run(world.engine->revoke({grant.app, grant.id}, false)), engine::RevokeState::done);
  world.idp.client_secret = "secret";
  EXPECT_EQ(world.engine->status().suspended.size(), 1U);
  world.pass(seconds(40));
  EXPECT_TRUE(world.engine->status().suspended.empty()) << "nobody asked for anything";
}

TEST_F(FoundBySimulation, RetriesOfOneGrantDoNotFillTheSpool) {
  for (int taken = 0; taken < 63; ++taken) ASSERT_TRUE(world.spool.reserve());  // one is left
  world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::server_error, Fault::server_error, Fault::server_error});
  EXPECT_TRUE(world.get("v1", minutes(1)));
}

TEST_F(FoundBySimulation, AUseThatNeverAnswersDoesNotKeepTheLastSlotFromItsRetry) {
  for (int taken = 0; taken < 63; ++taken) ASSERT_TRUE(world.spool.reserve());
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::drop_after_rotation});
  EXPECT_TRUE(world.get("v1", minutes(1)));
  EXPECT_TRUE(world.idp.accepts(world.stored_refresh_token(grant)));
}

TEST_F(FoundBySimulation, ARefreshTokenThatStaysIsTheOneThatWasSent) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  const TokenPair late = world.idp.issue("u1");
  keep_late(grant, grant.version.generation, std::string(reveal_secret(late.refresh)));
  world.idp.next({Fault::refuse, Fault::no_rotation});
  EXPECT_TRUE(world.get("v1"));
  EXPECT_EQ(world.stored_refresh_token(grant), reveal_secret(late.refresh));
}

TEST_F(FoundBySimulation, ARefusalInsideTheWindowAfterALostAnswerIsAskedAgainBeforeItIsTooLate) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::drop_after_rotation, Fault::refuse});
  EXPECT_TRUE(world.get("v1", minutes(1)));
  EXPECT_EQ(world.stored(grant).grant.status, GrantStatus::active);
}

TEST_F(FoundBySimulation, ALatePairThatWasOutlivedIsNotTried) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  ASSERT_TRUE(world.get("v1"));
  ASSERT_TRUE(world.run(world.engine->refresh({grant.app, grant.id}, seconds(30))));
  keep_late(grant, grant.version.generation, "refresh-of-long-ago");
  const int before = world.idp.exchanges();
  world.idp.next({Fault::suspicious});
  EXPECT_FALSE(world.run(world.engine->refresh({grant.app, grant.id}, seconds(30))));
  EXPECT_EQ(world.idp.exchanges(), before + 1);
}

TEST_F(FoundBySimulation, A401IsNotAnsweredWithAnEmptyToken) {
  world.import("u1", "v1");
  const auto token = world.get("v1");
  ASSERT_TRUE(token);
  world.pass(minutes(1));
  world.idp.next({Fault::no_access_token});
  const auto next = world.run(world.engine->after_refusal(token->ref, token->version, "", seconds(30)));
  ASSERT_TRUE(next);
  EXPECT_NE(reveal_secret(next->token), "");
}

TEST_F(FoundBySimulation, ALifetimeCountsFromTheFirstUseWhenTheAnswerMayBeARepetition) {
  world.idp.access_ttl = minutes(10);
  world.import("u1", "v1", seconds(0));
  world.idp.next({Fault::drop_after_rotation});
  const WallTime before = world.clock.wall() + Milliseconds(100);
  const auto token = world.get("v1", minutes(1));
  ASSERT_TRUE(token);
  EXPECT_LE(token->expires_at, before + minutes(10));
}

/// Two pairs are in the spool. While the replay looks the first one up, a flight commits the second one, and its slot
/// is reserved for a third grant.
TEST_F(FoundBySimulation, ASlotThatWasGivenToAnotherIsNotFreedWithThePairThatWasInIt) {
  const Grant first = world.import("u1", "v1", seconds(0));
  const Grant second = world.import("u2", "v2", seconds(0));
  world.import("u3", "v3", seconds(0));
  world.refreshes.always = CommitFault::refuse;
  ASSERT_TRUE(world.get("v1"));
  ASSERT_TRUE(world.get("v2"));
  ASSERT_EQ(world.spool.entries().size(), 2U);
  world.reads.slow = first.id;
  world.run_until([&] { return world.reads.reading; });
  world.refreshes.always = CommitFault::none;
  ASSERT_TRUE(world.run(world.engine->refresh({second.app, second.id}, seconds(30))));
  ASSERT_EQ(world.spool.entries().size(), 1U);
  ASSERT_TRUE(world.reads.reading);
  world.idp.next({Fault::slow});
  asio::co_spawn(*world.node_context, world.engine->get(world.app, "", "v3", seconds(30)), asio::detached);
  world.pass(world.reads.slow_by * 2);
  const std::size_t kept = world.spool.entries().size();
  std::size_t left = 0;
  while (world.spool.reserve()) ++left;
  EXPECT_EQ(left, 63U - kept) << "one is for the answer to the third grant";
}

}  // namespace
}  // namespace keyfob
