// How fast, how often and how many at once: Backoff, TokenBucket, CircuitBreaker, in_flight_limit.
#include <gtest/gtest.h>

#include <string>

#include "core/backoff.hpp"
#include "core/circuit_breaker.hpp"
#include "core/in_flight_limit.hpp"
#include "core/token_bucket.hpp"

namespace keyfob {
namespace {

constexpr BootTime kNow{Milliseconds(1'000'000)};
constexpr std::uint32_t kHighest = 0xffff;

TEST(Backoff, DoublesWithFullJitterUpToItsLongest) {
  const Backoff backoff{seconds(10), hours(1), seconds(1)};
  EXPECT_EQ(full_jitter(backoff, 1, 0), seconds(1));
  EXPECT_EQ(full_jitter(backoff, 20, 0), seconds(1)) << "full jitter: anybody may be the first";
  EXPECT_GT(full_jitter(backoff, 1, kHighest), Milliseconds(9990));
  EXPECT_GT(full_jitter(backoff, 3, kHighest), Milliseconds(39990));
  EXPECT_LE(full_jitter(backoff, 3, kHighest), seconds(40));
  EXPECT_LE(full_jitter(backoff, 4'000'000'000, kHighest), hours(1));
  EXPECT_GT(full_jitter(backoff, 4'000'000'000, kHighest), minutes(59));
}

TEST(RetryTable, RemembersEachGrantUntilItSucceeds) {
  RetryTable table({seconds(10), hours(1), seconds(1)});
  const GrantId bad("bad");
  EXPECT_TRUE(table.may_try(bad, kNow));
  const Milliseconds wait = table.failed(bad, kNow, 0x8000);
  EXPECT_FALSE(table.may_try(bad, kNow + wait - Milliseconds(1)));
  EXPECT_TRUE(table.may_try(bad, kNow + wait));
  EXPECT_TRUE(table.may_try(GrantId("good"), kNow));
  EXPECT_GT(table.failed(bad, kNow, 0x8000), wait);
  table.succeeded(bad);
  EXPECT_TRUE(table.may_try(bad, kNow));
  EXPECT_EQ(table.failed(bad, kNow, 0x8000), wait) << "and begins anew";
}

TEST(RetryTable, HasABound) {
  RetryTable table({}, 100);
  for (int i = 0; i < 1000; ++i) table.failed(GrantId("g" + std::to_string(i)), kNow, 0);
  EXPECT_LE(table.size(), 100U);
}

TEST(TokenBucket, LetsItsRateThroughInAnySecond) {
  TokenBucket bucket(50);
  EXPECT_EQ(bucket.available(kNow), 50U) << "full at first";
  bucket.take(50);
  EXPECT_EQ(bucket.available(kNow), 0U);
  EXPECT_EQ(bucket.available(kNow + Milliseconds(500)), 25U);
  EXPECT_EQ(bucket.available(kNow + hours(1)), 50U) << "no more than a second's worth is saved up";
  std::size_t total = 0;
  for (BootTime now = kNow + hours(1); now < kNow + hours(1) + seconds(60); now += Milliseconds(10)) {
    const std::size_t tokens = bucket.available(now);
    bucket.take(tokens);
    total += tokens;
  }
  EXPECT_GE(total, 50U * 60);
  EXPECT_LE(total, 50U * 61);
}

TEST(TokenBucket, AFractionOfOneASecondStillComesThrough) {
  TokenBucket bucket(0.5);
  std::size_t total = 0;
  for (int i = 0; i < 100; ++i) {
    const std::size_t tokens = bucket.available(kNow + Milliseconds(100 * i));
    bucket.take(tokens);
    total += tokens;
  }
  EXPECT_EQ(total, 5U);
}

TEST(TokenBucket, CreditIsForASecondsWorthAndIsMissingLater) {
  TokenBucket bucket(10);
  bucket.take(bucket.available(kNow));
  int lent = 0;
  while (bucket.take_on_credit(kNow)) ++lent;
  EXPECT_EQ(lent, 10);
  EXPECT_EQ(bucket.available(kNow + seconds(1)), 0U);
  EXPECT_EQ(bucket.available(kNow + seconds(2)), 10U);
}

TEST(TokenBucket, HalvesOnceASecondAndGrowsBackInFiveMinutes) {
  TokenBucket bucket(40);
  bucket.slow_down(kNow);
  for (int i = 0; i < 100; ++i) bucket.slow_down(kNow + Milliseconds(5 * i));  // all that were on the wire together
  EXPECT_DOUBLE_EQ(bucket.rate(kNow), 20);
  bucket.slow_down(kNow + seconds(2));
  EXPECT_NEAR(bucket.rate(kNow + seconds(2)), 10, 0.2);
  for (int i = 2; i < 100; ++i) bucket.slow_down(kNow + seconds(2 * i));
  EXPECT_GE(bucket.rate(kNow + seconds(198)), 1) << "never below one a second";
  EXPECT_LT(bucket.rate(kNow + seconds(198)), 2);
  EXPECT_DOUBLE_EQ(bucket.rate(kNow + seconds(198) + minutes(5)), 40);
}

TEST(CircuitBreaker, OpensWhenFiveGrantsInARowGotNoAnswer) {
  CircuitBreaker breaker;
  for (int i = 0; i < 4; ++i) breaker.failed(kNow, "g" + std::to_string(i), 0);
  EXPECT_FALSE(breaker.open());
  breaker.failed(kNow, "g4", 0);
  EXPECT_TRUE(breaker.open());
}

TEST(CircuitBreaker, OneGrantThatAlwaysFailsOpensNothing) {
  CircuitBreaker breaker;
  for (int i = 0; i < 1000; ++i) breaker.failed(kNow, "g" + std::to_string(i % 4), 0);
  EXPECT_FALSE(breaker.open());
}

TEST(CircuitBreaker, AnAnswerInBetweenStartsTheCountAnew) {
  CircuitBreaker breaker;
  for (int i = 0; i < 4; ++i) breaker.failed(kNow, "g" + std::to_string(i), 0);
  breaker.answered();
  for (int i = 4; i < 8; ++i) breaker.failed(kNow, "g" + std::to_string(i), 0);
  EXPECT_FALSE(breaker.open());
}

TEST(CircuitBreaker, LetsTrialsThroughOneAtATimeAndAtMostTenSecondsApart) {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) breaker.failed(kNow, "g" + std::to_string(i), kHighest);
  BootTime now = kNow;
  for (int trial = 0; trial < 10; ++trial) {
    EXPECT_FALSE(breaker.trial_due(now));
    EXPECT_GT(breaker.wait(now), Milliseconds(0));
    EXPECT_LE(breaker.wait(now), seconds(10));
    now += breaker.wait(now);
    EXPECT_TRUE(breaker.trial_due(now));
    breaker.trial_begins(now, kHighest);
    breaker.failed(now, "g9", kHighest);
  }
  breaker.answered();
  EXPECT_FALSE(breaker.open());
  EXPECT_EQ(breaker.wait(now), Milliseconds(0));
}

TEST(InFlightLimit, IsWhatFourLostNodesWouldLeaveToDrainInTheWindow) {
  RefreshTiming timing;  // T 10 s, L 15 s, W 60 s: (60 - 15 - 1) / 10 = 4 rounds
  EXPECT_EQ(in_flight_limit(128, 128, timing, seconds(1)), 128U);
  EXPECT_EQ(in_flight_limit(1000, 128, timing, seconds(1)), 128U);
  EXPECT_EQ(in_flight_limit(10, 128, timing, seconds(1)), 10U) << "not more than wanted";
  timing.reuse_window = seconds(27);  // one round
  EXPECT_EQ(in_flight_limit(128, 128, timing, seconds(1)), 32U);
  EXPECT_EQ(in_flight_limit(128, 2, timing, seconds(1)), 1U);
  timing.reuse_window = Milliseconds(0);
  EXPECT_EQ(in_flight_limit(128, 128, timing, seconds(1)), 128U) << "strict: recovery cannot help anyway";
}

}  // namespace
}  // namespace keyfob
