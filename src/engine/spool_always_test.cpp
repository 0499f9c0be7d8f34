// spool = "always": what the store acknowledged and then forgot is committed again.
#include <gtest/gtest.h>

#include "testing/world.hpp"

namespace keyfob {
namespace {

using CommitFault = testing::FaultyRefreshStore::CommitFault;
using testing::Fault;
using testing::World;

class SpoolAlways : public ::testing::Test {
 protected:
  SpoolAlways() {
    world.add_app();
    world.config.spool_for = minutes(10);
    world.restart();
  }

  void refresh(const Grant& grant) {
    ASSERT_TRUE(world.run(world.engine->refresh({grant.app, grant.id}, seconds(30))));
  }
  /// As an asynchronous failover does it.
  void fall_back_to(const GrantRecord& before) {
    std::vector<PutRequest> puts(1, PutRequest{before, world.stored(before.grant).grant.version});
    const auto answers = world.run(world.store.put(std::move(puts)));
    ASSERT_TRUE(answers && answers->front());
  }

  World world;
};

TEST_F(SpoolAlways, AForgottenCommitIsMadeAgainAndNothingIsAskedOfTheProvider) {
  const Grant grant = world.import("u1", "v1");
  const GrantRecord before = world.stored(grant);
  refresh(grant);
  const std::string newest = world.stored_refresh_token(grant);
  fall_back_to(before);
  world.pass(seconds(12));
  EXPECT_EQ(world.stored_refresh_token(grant), newest);
  EXPECT_EQ(world.idp.exchanges(), 1);
}

TEST_F(SpoolAlways, AForgottenCommitIsMadeAgainByTheNextProcess) {
  const Grant grant = world.import("u1", "v1");
  const GrantRecord before = world.stored(grant);
  refresh(grant);
  const std::string newest = world.stored_refresh_token(grant);
  fall_back_to(before);
  world.restart();
  world.pass(seconds(2));
  EXPECT_EQ(world.stored_refresh_token(grant), newest);
  EXPECT_EQ(world.idp.exchanges(), 1);
}

TEST_F(SpoolAlways, SeveralForgottenCommitsAreMadeAgainInTheirOrder) {
  const Grant grant = world.import("u1", "v1");
  const GrantRecord before = world.stored(grant);
  refresh(grant);
  refresh(grant);
  refresh(grant);
  const GrantRecord newest = world.stored(grant);
  fall_back_to(before);
  world.pass(seconds(40));
  EXPECT_EQ(world.stored(grant).grant.version, newest.grant.version);
  EXPECT_EQ(world.stored(grant).sealed, newest.sealed);
}

/// The store forgot two commits, and before it was told again somebody refreshed from the old state: its generations
/// mean other pairs now.
TEST_F(SpoolAlways, APairOfAForgottenLineIsNotPutOverANewerOne) {
  const Grant grant = world.import("u1", "v1");
  const GrantRecord before = world.stored(grant);
  refresh(grant);
  world.pass(seconds(1));
  refresh(grant);
  world.pass(seconds(1));
  fall_back_to(before);
  GrantRecord other = world.stored(grant);
  other.grant.version.generation = other.grant.version.generation.next();
  other.grant.rotated_at = world.clock.wall();
  fall_back_to(other);
  world.pass(minutes(1));
  EXPECT_EQ(world.stored(grant).sealed, other.sealed);
}

TEST_F(SpoolAlways, APairLeavesTheSpoolTenMinutesAfterItsCommit) {
  const Grant grant = world.import("u1", "v1");
  refresh(grant);
  world.pass(minutes(9));
  EXPECT_EQ(world.spool.entries().size(), 1U);
  EXPECT_EQ(world.engine->status().spooled, 0U) << "the store has it";
  world.pass(minutes(1) + seconds(15));
  EXPECT_TRUE(world.spool.entries().empty());
}

TEST_F(SpoolAlways, APairThatTheStoreHasGivesItsPlaceToOneThatNobodyHas) {
  for (int taken = 0; taken < 62; ++taken) ASSERT_TRUE(world.spool.reserve());  // two are left
  const Grant grant = world.import("u1", "v1");
  for (int i = 0; i < 5; ++i) refresh(grant);
  EXPECT_LE(world.spool.entries().size(), 2U);
}

TEST_F(SpoolAlways, APairOfAReplacedConsentLeavesAtOnce) {
  const Grant grant = world.import("u1", "v1");
  refresh(grant);
  world.import("u1", "v1");
  world.pass(seconds(12));
  EXPECT_TRUE(world.spool.entries().empty());
}

TEST_F(SpoolAlways, ADiskThatFailsHoldsNoRefreshUp) {
  const Grant grant = world.import("u1", "v1");
  world.spool.broken = true;
  refresh(grant);
  EXPECT_TRUE(world.idp.accepts(world.stored_refresh_token(grant)));
}

TEST_F(SpoolAlways, ACommitThatTheStoreRefusesIsServedFromTheSpool) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.refreshes.always = CommitFault::refuse;
  ASSERT_TRUE(world.get("v1"));
  EXPECT_EQ(world.engine->status().spooled, 1U);
  world.refreshes.always = CommitFault::none;
  world.pass(seconds(3));
  EXPECT_EQ(world.engine->status().spooled, 0U);
  EXPECT_NE(world.stored(grant).grant.version, grant.version);
  EXPECT_EQ(world.idp.rotations(), 1);
}

TEST_F(SpoolAlways, ACrashBetweenSpoolAndCommitLosesNothingWhateverTheWindow) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.refreshes.always = CommitFault::refuse;
  ASSERT_TRUE(world.get("v1"));
  world.crash();
  world.clock.advance(hours(1));
  world.refreshes.always = CommitFault::none;
  world.restart();
  world.pass(seconds(3));
  EXPECT_EQ(world.idp.exchanges(), 1);
  EXPECT_TRUE(world.idp.accepts(world.stored_refresh_token(grant)));
}

}  // namespace
}  // namespace keyfob
