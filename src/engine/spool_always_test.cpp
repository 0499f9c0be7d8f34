// spool = "always": what the store acknowledged and then forgot is committed again.
#include <gtest/gtest.h>

#include "engine/sealer.hpp"
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

  /// What another node makes of this state.
  GrantRecord refreshed_elsewhere(GrantRecord from, Milliseconds clock_off) {
    engine::Sealer sealer(world.engine->directory(), world.random);
    const GrantVersion next{from.grant.version.generation.next(), from.grant.version.epoch};
    from.sealed =
        sealer.seal(from.grant.app, from.grant.id, next, {AccessToken("a-other"), RefreshToken("r-other")}).value();
    from.grant.version = next;
    from.grant.rotated_at = world.clock.wall() + clock_off;
    return from;
  }
  std::size_t late(const Grant& grant) {
    return world.run(world.store.late({grant.app, grant.id}, world.stored(grant).grant.version.epoch)).value().size();
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
/// mean other pairs now, whatever the clock of that node says.
TEST_F(SpoolAlways, APairOfAForgottenLineIsNotPutOverAnotherLine) {
  for (const Milliseconds clock_off : {-hours(1), hours(1)}) {
    const Grant grant = world.import("u1", "v1");
    const GrantRecord before = world.stored(grant);
    refresh(grant);
    refresh(grant);
    fall_back_to(before);
    const GrantRecord other = refreshed_elsewhere(before, clock_off);
    fall_back_to(other);
    world.pass(minutes(1));
    EXPECT_EQ(world.stored(grant).sealed, other.sealed);
    EXPECT_EQ(late(grant), 2U) << "they are tried before a refusal is believed";
  }
}

/// Whoever committed the pair that is stored had a clock that is ahead: the order of pairs does not lean on it.
TEST_F(SpoolAlways, AClockThatIsAheadHoldsNoPairBack) {
  const Grant grant = world.import("u1", "v1");
  GrantRecord before = world.stored(grant);
  before.grant.rotated_at = world.clock.wall() + hours(1);
  refresh(grant);
  const std::string newest = world.stored_refresh_token(grant);
  fall_back_to(before);
  world.pass(seconds(12));
  EXPECT_EQ(world.stored_refresh_token(grant), newest);
}

/// The answer was on its way when the store fell back, and others have gone on from there.
TEST_F(SpoolAlways, AnAnswerToAForgottenLineIsNotPutOverAnotherLine) {
  const Grant grant = world.import("u1", "v1");
  const GrantRecord before = world.stored(grant);
  refresh(grant);
  const GrantRecord other = refreshed_elsewhere(before, Milliseconds(0));
  world.idp.slow_by = seconds(5);
  world.idp.next({Fault::slow});
  EXPECT_FALSE(world.run(world.engine->refresh({grant.app, grant.id}, seconds(1))));
  fall_back_to(other);
  world.pass(seconds(15));
  EXPECT_EQ(world.stored(grant).sealed, other.sealed);
  EXPECT_EQ(late(grant), 2U);
}

/// An import or consent that the store forgot is not ours to bring back; the pair stays as long as any other.
TEST_F(SpoolAlways, APairOfAForgottenConsentStaysForAWhile) {
  const Grant first = world.import("u1", "v1");
  const GrantRecord before = world.stored(first);
  const Grant again = world.import("u1", "v1");
  refresh(again);
  fall_back_to(before);
  world.pass(minutes(5));
  EXPECT_EQ(world.spool.entries().size(), 1U);
  EXPECT_EQ(world.stored(first).sealed, before.sealed);
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
