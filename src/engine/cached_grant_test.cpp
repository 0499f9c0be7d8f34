#include "engine/cached_grant.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace keyfob::engine {
namespace {

Grant some_grant(std::vector<VehicleId> vehicles) {
  Grant grant;
  grant.app = AppId("app-1");
  grant.id = GrantId("g_1");
  grant.user = UserId("anna");
  grant.provider_user = ProviderUserId("owner-9");
  grant.vehicles = std::move(vehicles);
  grant.scope = "read_odometer control_security";
  grant.status = GrantStatus::suspect;
  grant.version = {Generation(7), Epoch(3)};
  grant.access_expires_at = from_unix_ms(1'700'000'000'123);
  return grant;
}

TEST(CachedGrantTest, GivesBackWhatItRemembers) {
  const Grant grant = some_grant({VehicleId("car-1"), VehicleId(""), VehicleId(std::string(300, 'v'))});
  const Bytes token = {0, 1, 2, 0, 255};
  const CachedGrantPtr cached = CachedGrant::of(grant, token);
  const Grant back = cached->copy();
  EXPECT_EQ(back.app, grant.app);
  EXPECT_EQ(back.id, grant.id);
  EXPECT_EQ(back.user, grant.user);
  EXPECT_EQ(back.provider_user, grant.provider_user);
  EXPECT_EQ(back.vehicles, grant.vehicles);
  EXPECT_EQ(back.scope, grant.scope);
  EXPECT_EQ(back.status, grant.status);
  EXPECT_EQ(back.version, grant.version);
  EXPECT_EQ(back.access_expires_at, grant.access_expires_at);
  EXPECT_TRUE(std::ranges::equal(cached->kept_token(), token));
}

/// What a slot shows, in words.
std::string shown(const CachedGrant& cached, TokenSlot& slot) {
  cached.show(slot);
  std::string text = std::string(slot.grant) + '|' + std::string(slot.user) + '|' + std::string(slot.provider_user) +
                     '|' + std::string(slot.scope);
  for (const std::string_view vehicle : slot.vehicles) text += '|' + std::string(vehicle);
  return text + '|' + std::string(as_text(cached.kept_token_in(slot)));
}

TEST(CachedGrantTest, ASlotShowsItAndKeepsWhatItShows) {
  const std::string kept = "kept token";
  TokenSlot slot;
  CachedGrantPtr small = CachedGrant::of(some_grant({VehicleId("car-1"), VehicleId("car-22")}), as_bytes(kept));
  EXPECT_EQ(shown(*small, slot), "g_1|anna|owner-9|read_odometer control_security|car-1|car-22|kept token");
  EXPECT_EQ(slot.source, nullptr) << "short texts are copied";
  small.reset();
  EXPECT_EQ(slot.user, "anna");
  const std::string longest(3000, 'v');
  CachedGrantPtr large = CachedGrant::of(some_grant({VehicleId(longest)}), as_bytes(kept));
  EXPECT_EQ(shown(*large, slot), "g_1|anna|owner-9|read_odometer control_security|" + longest + "|kept token");
  EXPECT_EQ(slot.source, large) << "long ones are held";
  large.reset();
  EXPECT_EQ(*slot.vehicles.begin(), longest);
  slot.clear();
  EXPECT_EQ(slot.source, nullptr);
}

TEST(CachedGrantTest, OpensItsVehiclesAndNoOthers) {
  const auto two = CachedGrant::of(some_grant({VehicleId("car-1"), VehicleId("car-22")}), {});
  EXPECT_TRUE(two->opens("car-1"));
  EXPECT_TRUE(two->opens("car-22"));
  for (const char* other : {"", "car", "car-2", "car-1car-22", "car-222"}) EXPECT_FALSE(two->opens(other)) << other;
  EXPECT_FALSE(CachedGrant::of(some_grant({}), {})->opens("car-1"));
}

TEST(CachedGrantTest, IsAskedForItsRefreshOnce) {
  const auto grant = CachedGrant::of(some_grant({}), {});
  EXPECT_TRUE(grant->ask_refresh());
  EXPECT_FALSE(grant->ask_refresh());
}

}  // namespace
}  // namespace keyfob::engine
