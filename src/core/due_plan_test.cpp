// When a pair is due, and by when it has to be replaced.
#include "core/due_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace keyfob {
namespace {

constexpr WallTime kNow{Milliseconds(1'767'225'600'000)};
constexpr std::uint32_t kLatestDie = 0;
constexpr std::uint32_t kEarliestDie = 0xffffffff;

PairLife rotated() { return {kNow + hours(2), kNow + days(60)}; }

PairLife imported() { return {kNow + hours(2), kNow + days(60), days(60), true}; }

DuePolicy always_fresh() {
  DuePolicy policy;
  policy.always_fresh = true;
  return policy;
}

TEST(DuePlan, KeepAliveComesBeforeTheRefreshTokenEndsAndIsSpreadOverATenthOfItsLife) {
  const DuePlan last = plan_due(rotated(), {}, kNow, kLatestDie);
  const DuePlan first = plan_due(rotated(), {}, kNow, kEarliestDie);
  EXPECT_EQ(last.renew_by, kNow + days(53));
  EXPECT_EQ(last.due_at, last.renew_by);
  EXPECT_EQ(first.renew_by, last.renew_by) << "the alarm line has no jitter";
  EXPECT_LT(first.due_at, last.renew_by - days(5));
  EXPECT_GE(first.due_at, last.renew_by - days(6));
}

TEST(DuePlan, AShortRefreshTokenIsUsedForHalfItsLifeAtLeast) {
  PairLife brief{kNow + hours(1), kNow + hours(8)};
  EXPECT_EQ(plan_due(brief, {}, kNow, kLatestDie).renew_by, kNow + hours(4));
  EXPECT_GE(plan_due(brief, {}, kNow, kEarliestDie).due_at, kNow + hours(3));
}

TEST(DuePlan, AnImportedTokenNearItsEndIsDueAtOnce) {
  PairLife near_its_end = imported();
  near_its_end.refresh_expires_at = kNow + days(3);
  const DuePlan plan = plan_due(near_its_end, {}, kNow, kLatestDie);
  EXPECT_EQ(plan.due_at, kNow);
  EXPECT_EQ(plan.renew_by, kNow) << "the lag counts from the import on";
}

TEST(DuePlan, AnEndedTokenIsStillTried) {
  const PairLife ended{kNow - days(1), kNow - days(1), days(60), true};
  EXPECT_EQ(plan_due(ended, {}, kNow, kEarliestDie).due_at, kNow);
}

TEST(DuePlan, AlwaysFreshComesAheadOfTheAccessTokensEnd) {
  const DuePlan last = plan_due(rotated(), always_fresh(), kNow, kLatestDie);
  EXPECT_EQ(last.due_at, kNow + hours(2) - minutes(5));
  EXPECT_EQ(last.renew_by, kNow + days(53));
  const DuePlan first = plan_due(rotated(), always_fresh(), kNow, kEarliestDie);
  EXPECT_LT(first.due_at, last.due_at - minutes(11));
  EXPECT_GE(first.due_at, last.due_at - minutes(12));
}

TEST(DuePlan, AlwaysFreshWithAccessTokensShorterThanAheadDoesNotSpin) {
  const PairLife brief{kNow + seconds(60), kNow + days(60)};
  EXPECT_GE(plan_due(brief, always_fresh(), kNow, kEarliestDie).due_at, kNow + seconds(24));
}

TEST(DuePlan, AlwaysFreshWithoutAUsableAccessTokenIsDueAtOnce) {
  PairLife expired = imported();
  expired.access_expires_at = kNow;
  EXPECT_EQ(plan_due(expired, always_fresh(), kNow, kLatestDie).due_at, kNow);
  EXPECT_GT(plan_due(expired, {}, kNow, kLatestDie).due_at, kNow + days(40)) << "on demand it is nobody's business";
}

/// The most that fall into any window of this length.
std::size_t busiest(std::vector<WallTime> times, Milliseconds window) {
  std::ranges::sort(times);
  std::size_t most = 0;
  for (std::size_t from = 0, to = 0; to < times.size(); ++to) {
    while (times[to] - times[from] >= window) ++from;
    most = std::max(most, to - from + 1);
  }
  return most;
}

std::vector<WallTime> a_million(const DuePolicy& policy) {
  std::mt19937 dice(7);  // NOLINT: the same every time
  std::vector<WallTime> due;
  due.reserve(1'000'000);
  for (int i = 0; i < 1'000'000; ++i)
    due.push_back(plan_due(imported(), policy, kNow, static_cast<std::uint32_t>(dice())).due_at);
  return due;
}

TEST(DuePlan, AMillionGrantsImportedAtOnceDoNotComeBackAtOnce) {
  EXPECT_LE(busiest(a_million({}), seconds(1)), 50U) << "2 a second on average, over six days";
  EXPECT_LE(busiest(a_million(always_fresh()), seconds(1)), 500U) << "278 a second on average, over an hour";
}

TEST(DuePlan, NothingIsPlannedBeyondTheLatest) {
  std::mt19937 dice(11);  // NOLINT: the same every time
  for (int i = 0; i < 10'000; ++i) {
    PairLife pair;
    pair.access_expires_at = kNow + seconds(1 + dice() % 10'000);
    pair.refresh_expires_at = kNow + seconds(10'000 + dice() % 10'000'000);
    pair.imported = dice() % 2 == 0;
    DuePolicy policy;
    policy.always_fresh = dice() % 2 == 0;
    const DuePlan plan = plan_due(pair, policy, kNow, static_cast<std::uint32_t>(dice()));
    ASSERT_GE(plan.due_at, kNow);
    ASSERT_LE(plan.due_at, latest_due(pair, policy, plan.renew_by));
  }
}

}  // namespace
}  // namespace keyfob
