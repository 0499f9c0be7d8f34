#include "model/api_errors.hpp"

#include <gtest/gtest.h>

#include "model/bucket.hpp"

namespace keyfob::sim {
namespace {

TEST(ApiErrors, have_the_documented_status_and_resolution) {
  EXPECT_EQ(api_error("AUTHENTICATION").status, 401);
  EXPECT_EQ(api_error("PERMISSION").resolution, "REAUTHENTICATE");
  EXPECT_EQ(api_error("BILLING", "VEHICLE_LIMIT").status, 430);
  EXPECT_EQ(api_error("COMPATIBILITY", "VEHICLE_NOT_CAPABLE").status, 501);
  EXPECT_EQ(api_error("CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED").resolution, "REAUTHENTICATE");
  EXPECT_EQ(api_error("CONNECTED_SERVICES_ACCOUNT", "SUBSCRIPTION").resolution, "ACTION_REQUIRED");
  EXPECT_EQ(api_error("UPSTREAM", "RATE_LIMIT").status, 502);
}

TEST(ApiErrors, that_the_table_does_not_know_say_so) {
  const ApiError error = api_error("NONSENSE");
  EXPECT_EQ(error.status, 500);
  EXPECT_NE(error.description.find("NONSENSE"), std::string::npos);
}

TEST(ApiErrors, point_to_their_page) {
  EXPECT_EQ(documentation_url(api_error("VEHICLE_STATE", "ASLEEP")),
            "https://smartcar.com/docs/errors/api-errors/vehicle-state-errors#asleep");
  EXPECT_EQ(documentation_url(api_error("AUTHENTICATION")),
            "https://smartcar.com/docs/errors/api-errors/authentication-errors#null");
}

TEST(Bucket, empties_and_refills_with_time) {
  Bucket bucket(2, 1);
  const WallTime start = from_unix_ms(1'000'000);
  EXPECT_TRUE(bucket.take(start));
  EXPECT_TRUE(bucket.take(start));
  EXPECT_FALSE(bucket.take(start));
  EXPECT_TRUE(bucket.take(start + seconds(60)));
  EXPECT_FALSE(bucket.take(start + seconds(60)));
}

TEST(Bucket, of_no_size_is_no_limit) {
  Bucket bucket(0, 0);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(bucket.take(WallTime()));
}

}  // namespace
}  // namespace keyfob::sim
