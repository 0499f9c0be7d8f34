#include "engine/cached_grant.hpp"

#include <gtest/gtest.h>

namespace keyfob::engine {
namespace {

GrantRecord some_record(std::vector<VehicleId> vehicles) {
  GrantRecord record;
  record.grant.app = AppId("app-1");
  record.grant.id = GrantId("g_1");
  record.grant.user = UserId("anna");
  record.grant.provider_user = ProviderUserId("owner-9");
  record.grant.vehicles = std::move(vehicles);
  record.grant.scope = "read_odometer control_security";
  record.grant.status = GrantStatus::suspect;
  record.grant.version = {Generation(7), Epoch(3)};
  record.grant.access_expires_at = from_unix_ms(1'700'000'000'123);
  record.sealed.access = {0, 1, 2, 0, 255};
  return record;
}

TEST(CachedGrantTest, GivesBackWhatItRemembers) {
  const GrantRecord record = some_record({VehicleId("car-1"), VehicleId(""), VehicleId(std::string(300, 'v'))});
  const GrantRecord back = CachedGrant::of(record)->record();
  EXPECT_EQ(back.grant.app, record.grant.app);
  EXPECT_EQ(back.grant.id, record.grant.id);
  EXPECT_EQ(back.grant.user, record.grant.user);
  EXPECT_EQ(back.grant.provider_user, record.grant.provider_user);
  EXPECT_EQ(back.grant.vehicles, record.grant.vehicles);
  EXPECT_EQ(back.grant.scope, record.grant.scope);
  EXPECT_EQ(back.grant.status, record.grant.status);
  EXPECT_EQ(back.grant.version, record.grant.version);
  EXPECT_EQ(back.grant.access_expires_at, record.grant.access_expires_at);
  EXPECT_EQ(back.sealed.access, record.sealed.access);
}

TEST(CachedGrantTest, OpensItsVehiclesAndNoOthers) {
  const auto two = CachedGrant::of(some_record({VehicleId("car-1"), VehicleId("car-22")}));
  EXPECT_TRUE(two->opens("car-1"));
  EXPECT_TRUE(two->opens("car-22"));
  for (const char* other : {"", "car", "car-2", "car-1car-22", "car-222"}) EXPECT_FALSE(two->opens(other)) << other;
  EXPECT_FALSE(CachedGrant::of(some_record({}))->opens("car-1"));
}

TEST(CachedGrantTest, IsAskedForItsRefreshOnce) {
  const auto grant = CachedGrant::of(some_record({}));
  EXPECT_TRUE(grant->ask_refresh());
  EXPECT_FALSE(grant->ask_refresh());
}

}  // namespace
}  // namespace keyfob::engine
