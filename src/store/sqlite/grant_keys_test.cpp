#include "store/sqlite/grant_keys.hpp"

#include <gtest/gtest.h>

namespace keyfob::sqlite {
namespace {

const AppId kApp("app-1");

TEST(GrantKeys, stay_as_they_are_in_files_that_exist) {
  EXPECT_EQ(static_cast<std::int64_t>(key_of(kApp, UserId("alice"))), 6012933655674237855);
  EXPECT_EQ(static_cast<std::int64_t>(key_of(kApp, VehicleId("g1-v1"))), -8365286797313479603);
}

TEST(GrantKeys, tell_users_vehicles_and_applications_apart) {
  EXPECT_NE(key_of(kApp, UserId("x")), key_of(kApp, VehicleId("x")));
  EXPECT_NE(key_of(kApp, UserId("x")), key_of(AppId("app-2"), UserId("x")));
  EXPECT_NE(key_of(AppId("ab"), UserId("c")), key_of(AppId("b"), UserId("ca")));
}

TEST(GrantKeys, of_a_grant_are_sorted_and_each_is_there_once) {
  Grant grant;
  grant.app = kApp;
  grant.user = UserId("alice");
  grant.vehicles = {VehicleId("v1"), VehicleId("v2"), VehicleId("v1")};
  const auto keys = keys_of(grant);
  EXPECT_EQ(keys.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(keys));
}

}  // namespace
}  // namespace keyfob::sqlite
