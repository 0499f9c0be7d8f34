#include "engine/spool_retention.hpp"

#include <gtest/gtest.h>

namespace keyfob::engine {
namespace {

constexpr BootTime kStart{Milliseconds(1'000'000)};

SpooledPair pair_in(SpoolSlot slot, std::uint64_t generation) {
  SpooledPair spooled;
  spooled.slot = slot;
  spooled.pair.grant = GrantId("g_1");
  spooled.pair.at = {Generation(generation), Epoch(1)};
  return spooled;
}

TEST(SpoolRetention, KeepsNothingWhenItIsOff) {
  SpoolRetention retention(Milliseconds(0));
  EXPECT_FALSE(retention.keeps(pair_in(0, 1), kStart));
  EXPECT_FALSE(retention.settled(pair_in(0, 1)));
}

TEST(SpoolRetention, KeepsAPairForAsLongAsAskedFromWhenTheStoreHadIt) {
  SpoolRetention retention(minutes(10));
  EXPECT_TRUE(retention.keeps(pair_in(0, 1), kStart));
  EXPECT_TRUE(retention.keeps(pair_in(0, 1), kStart + minutes(9)));
  EXPECT_FALSE(retention.keeps(pair_in(0, 1), kStart + minutes(10)));
}

TEST(SpoolRetention, LooksAtAPairUntilItIsKnownToBeStoredAndNowAndThenAfterwards) {
  SpoolRetention retention(minutes(10));
  EXPECT_TRUE(retention.wants_look(pair_in(0, 1), kStart));
  retention.keeps(pair_in(0, 1), kStart);
  EXPECT_FALSE(retention.wants_look(pair_in(0, 1), kStart + seconds(9)));
  EXPECT_TRUE(retention.wants_look(pair_in(0, 1), kStart + seconds(10)));
}

TEST(SpoolRetention, LooksAtEverythingWhenTheStoreMayHaveChanged) {
  SpoolRetention retention(minutes(10));
  retention.keeps(pair_in(0, 1), kStart);
  retention.look_at_all();
  EXPECT_TRUE(retention.wants_look(pair_in(0, 1), kStart));
  EXPECT_TRUE(retention.settled(pair_in(0, 1)));
}

TEST(SpoolRetention, ASlotThatWasUsedAgainIsAnotherPair) {
  SpoolRetention retention(minutes(10));
  retention.keeps(pair_in(0, 1), kStart);
  EXPECT_FALSE(retention.settled(pair_in(0, 2)));
  EXPECT_TRUE(retention.wants_look(pair_in(0, 2), kStart));
}

TEST(SpoolRetention, APairThatTheStoreLostIsNotSettledAnyMore) {
  SpoolRetention retention(minutes(10));
  retention.keeps(pair_in(0, 1), kStart);
  retention.forget(0);
  EXPECT_FALSE(retention.settled(pair_in(0, 1)));
}

}  // namespace
}  // namespace keyfob::engine
