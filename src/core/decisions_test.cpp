// Refusals and freshness.
#include <gtest/gtest.h>

#include "core/freshness.hpp"
#include "core/refusal.hpp"

namespace keyfob {
namespace {

constexpr WallTime kNow{Milliseconds(1'767'225'600'000)};

RefusalFacts second_refusal() {
  RefusalFacts facts;
  facts.status = GrantStatus::suspect;
  facts.before.count = 1;
  facts.before.first_at = facts.before.last_at = kNow - seconds(6);
  facts.certain = true;
  facts.other_refreshed = true;
  facts.refreshed = 100;
  return facts;
}

TEST(Refusal, TheFirstOneOnlyMakesSuspect) {
  RefusalFacts facts = second_refusal();
  facts.before = {};
  facts.status = GrantStatus::active;
  EXPECT_EQ(judge_refusal(facts, kNow).status, GrantStatus::suspect);
}

TEST(Refusal, TheSecondConfirmsWhenTheProviderIsShownHealthy) {
  EXPECT_EQ(judge_refusal(second_refusal(), kNow).status, GrantStatus::needs_reauth);
}

TEST(Refusal, TheSecondWithinFiveSecondsConfirmsNothing) {
  RefusalFacts facts = second_refusal();
  facts.before.last_at = kNow - Milliseconds(4999);
  EXPECT_EQ(judge_refusal(facts, kNow).status, GrantStatus::suspect);
}

TEST(Refusal, WithoutAnotherGrantToShowHealthItTakesTenMinutes) {
  RefusalFacts facts = second_refusal();
  facts.other_refreshed = false;
  EXPECT_EQ(judge_refusal(facts, kNow).status, GrantStatus::suspect);
  facts.before.first_at = kNow - minutes(10);
  EXPECT_EQ(judge_refusal(facts, kNow).status, GrantStatus::needs_reauth);
}

TEST(Refusal, SomeOther400NeverConfirmsByItself) {
  RefusalFacts facts = second_refusal();
  facts.certain = false;
  facts.before.first_at = kNow - days(1);
  EXPECT_EQ(judge_refusal(facts, kNow).status, GrantStatus::suspect);
}

TEST(Refusal, AStrandedPairIsNeverConfirmedLost) {
  RefusalFacts facts = second_refusal();
  facts.stranded = true;
  const RefusalVerdict verdict = judge_refusal(facts, kNow);
  EXPECT_EQ(verdict.status, GrantStatus::suspect);
  EXPECT_EQ(verdict.refusals.reason, "stranded");
}

TEST(Refusal, ABurstConfirmsNothing) {
  RefusalFacts facts = second_refusal();
  facts.refused_grants = 4;
  facts.refreshed = 40;
  const RefusalVerdict verdict = judge_refusal(facts, kNow);
  EXPECT_TRUE(verdict.burst);
  EXPECT_EQ(verdict.status, GrantStatus::suspect);
}

TEST(Refusal, FiveAmongManyIsNoBurst) {
  EXPECT_TRUE(is_burst(5, 44));
  EXPECT_FALSE(is_burst(5, 45));
  EXPECT_FALSE(is_burst(4, 0));
}

TEST(Refusal, ARevokingGrantStaysRevoking) {
  RefusalFacts facts = second_refusal();
  facts.status = GrantStatus::revoking;
  EXPECT_EQ(judge_refusal(facts, kNow).status, GrantStatus::revoking);
}

Grant with(GrantStatus status, Milliseconds left) {
  Grant grant;
  grant.status = status;
  grant.access_expires_at = kNow + left;
  return grant;
}

TEST(Freshness, DecidesByStatusAndTimeLeft) {
  const ServingPolicy policy;
  EXPECT_EQ(decide_serving(with(GrantStatus::active, hours(1)), kNow, policy), Serving::serve);
  EXPECT_EQ(decide_serving(with(GrantStatus::active, minutes(5)), kNow, policy), Serving::serve_and_refresh);
  EXPECT_EQ(decide_serving(with(GrantStatus::active, seconds(60)), kNow, policy), Serving::wait_briefly);
  EXPECT_EQ(decide_serving(with(GrantStatus::active, seconds(0)), kNow, policy), Serving::wait);
  EXPECT_EQ(decide_serving(with(GrantStatus::suspect, seconds(1)), kNow, policy), Serving::serve);
  EXPECT_EQ(decide_serving(with(GrantStatus::suspect, seconds(0)), kNow, policy), Serving::wait);
  EXPECT_EQ(decide_serving(with(GrantStatus::needs_reauth, hours(1)), kNow, policy), Serving::needs_reauth);
  EXPECT_EQ(decide_serving(with(GrantStatus::revoking, hours(1)), kNow, policy), Serving::revoked);
  EXPECT_EQ(decide_serving(with(GrantStatus::revoked, hours(1)), kNow, policy), Serving::revoked);
}

TEST(Freshness, ASuspectWithoutATokenWaitsFiveSecondsBeforeItIsAskedAgain) {
  Grant grant = with(GrantStatus::suspect, seconds(0));
  grant.refusals.last_at = kNow - Milliseconds(4999);
  EXPECT_EQ(decide_serving(grant, kNow, {}), Serving::refused);
}

}  // namespace
}  // namespace keyfob
