#include "gateway/throttled_vehicles.hpp"

#include <gtest/gtest.h>

#include "gateway/gateway_test.hpp"

namespace keyfob::gateway {
namespace {

BootTime at(Milliseconds time) { return BootTime(time); }

TEST(ThrottledVehicles, are_left_alone_as_long_as_was_asked) {
  ThrottledVehicles throttled;
  const AppId app("app");
  EXPECT_EQ(throttled.left(app, "car", at(seconds(1))), Milliseconds(0));
  throttled.remember(app, "car", at(seconds(1)), seconds(60));
  EXPECT_EQ(throttled.left(app, "car", at(seconds(11))), seconds(50));
  EXPECT_EQ(throttled.left(app, "other", at(seconds(11))), Milliseconds(0));
  EXPECT_EQ(throttled.left(AppId("app2"), "car", at(seconds(11))), Milliseconds(0));
  EXPECT_EQ(throttled.left(app, "car", at(seconds(61))), Milliseconds(0));
}

TEST(ThrottledVehicles, are_not_remembered_without_bound) {
  ThrottledVehicles throttled;
  const AppId app("app");
  for (std::size_t i = 0; i < 2 * ThrottledVehicles::kMost; ++i) {
    throttled.remember(app, std::to_string(i), at(seconds(1)), seconds(60));
  }
  EXPECT_GT(throttled.left(app, std::to_string(2 * ThrottledVehicles::kMost - 1), at(seconds(2))), Milliseconds(0));
}

TEST(RetryAfter, is_a_number_of_seconds_up_to_an_hour) {
  EXPECT_EQ(retry_after_seconds("0"), Milliseconds(0));
  EXPECT_EQ(retry_after_seconds("60"), seconds(60));
  EXPECT_EQ(retry_after_seconds("86400"), hours(1));
  EXPECT_EQ(retry_after_seconds("99999999999999999999"), hours(1));
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT"}) {
    EXPECT_EQ(retry_after_seconds(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace keyfob::gateway
