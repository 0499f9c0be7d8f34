#include "model/webhooks.hpp"

#include <gtest/gtest.h>

namespace keyfob::sim {
namespace {

constexpr WallTime kStart = from_unix_ms(1'767'225'600'000);

class WebhooksTest : public testing::Test {
 protected:
  WebhooksTest() { hooks_.add({.id = "w1", .url = "http://127.0.0.1/", .state = Webhook::State::verified}); }

  /// Takes the one delivery that is due and lets it fail.
  void fail_one(seconds after) {
    const auto due = hooks_.take_due(kStart + after);
    ASSERT_EQ(due.size(), 1U);
    hooks_.settle(due.front().number, {.status = 500}, kStart + after);
  }

  Webhooks hooks_{1};
};

TEST_F(WebhooksTest, tries_again_after_25_50_and_100_seconds_and_then_gives_up) {
  hooks_.enqueue("w1", "VEHICLE_STATE", "{}", kStart);
  fail_one(seconds(0));
  EXPECT_EQ(hooks_.next_due(), kStart + seconds(25));
  EXPECT_TRUE(hooks_.take_due(kStart + seconds(24)).empty());
  fail_one(seconds(25));
  EXPECT_EQ(hooks_.next_due(), kStart + seconds(75));
  fail_one(seconds(75));
  EXPECT_EQ(hooks_.next_due(), kStart + seconds(175));
  fail_one(seconds(175));
  EXPECT_FALSE(hooks_.next_due());
  EXPECT_EQ(hooks_.deliveries().front().state, Delivery::State::dropped);
  EXPECT_EQ(hooks_.deliveries().front().attempts, 4U);
}

TEST_F(WebhooksTest, every_attempt_has_its_own_delivery_id_and_the_same_event_id) {
  hooks_.enqueue("w1", "VEHICLE_STATE", "{}", kStart);
  const auto first = hooks_.take_due(kStart).front();
  EXPECT_TRUE(hooks_.take_due(kStart).empty()) << "it is in flight";
  hooks_.settle(first.number, {.problem = "no answer"}, kStart);
  const auto second = hooks_.take_due(kStart + seconds(25)).front();
  EXPECT_EQ(first.event_id, second.event_id);
  EXPECT_NE(first.delivery_id, second.delivery_id);
  hooks_.settle(second.number, {.status = 204, .delivered = true}, kStart + seconds(25));
  EXPECT_FALSE(hooks_.next_due());
}

TEST_F(WebhooksTest, verification_is_tried_once) {
  hooks_.enqueue("w1", "VERIFY", "{}", kStart);
  fail_one(seconds(0));
  EXPECT_FALSE(hooks_.next_due());
}

TEST_F(WebhooksTest, a_subscription_exists_once_and_collects_only_for_a_verified_webhook) {
  EXPECT_NE(hooks_.subscribe("w1", "u", "v", kStart), nullptr);
  EXPECT_EQ(hooks_.subscribe("w1", "u", "v", kStart), nullptr);
  EXPECT_TRUE(hooks_.collects("u", "v"));
  EXPECT_FALSE(hooks_.collects("other", "v"));
  hooks_.find("w1")->state = Webhook::State::refused;
  EXPECT_FALSE(hooks_.collects("u", "v"));
}

TEST_F(WebhooksTest, a_webhook_takes_its_subscriptions_and_what_waits_with_it) {
  hooks_.subscribe("w1", "u", "v", kStart);
  hooks_.enqueue("w1", "VEHICLE_STATE", "{}", kStart);
  EXPECT_TRUE(hooks_.remove("w1"));
  EXPECT_TRUE(hooks_.subscriptions().empty());
  EXPECT_TRUE(hooks_.take_due(kStart).empty());
  EXPECT_FALSE(hooks_.remove("w1"));
}

}  // namespace
}  // namespace keyfob::sim
