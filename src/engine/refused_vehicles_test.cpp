#include "engine/refused_vehicles.hpp"

#include <gtest/gtest.h>

namespace keyfob::engine {
namespace {

const GrantRef kGrant{AppId("app"), GrantId("g1")};

GrantVersion version(std::uint64_t generation) { return {Generation(generation), Epoch(1)}; }
BootTime at(Milliseconds time) { return BootTime(time); }

TEST(RefusedVehicles, wait_twice_as_long_each_time_up_to_an_hour) {
  RefusedVehicles refused(seconds(30));
  BootTime now = at(seconds(1000));
  EXPECT_TRUE(refused.may_rotate(kGrant, "car", now));
  Milliseconds expected = seconds(60);
  for (std::uint64_t generation = 2; generation < 12; ++generation) {
    refused.refused_again(kGrant, "car", version(generation), now);
    EXPECT_FALSE(refused.may_rotate(kGrant, "car", now + expected - Milliseconds(1))) << generation;
    now += expected;
    EXPECT_TRUE(refused.may_rotate(kGrant, "car", now)) << generation;
    expected = std::min<Milliseconds>(expected * 2, hours(1));
  }
}

TEST(RefusedVehicles, count_one_version_once) {
  RefusedVehicles refused(seconds(30));
  for (int i = 0; i < 200; ++i) refused.refused_again(kGrant, "car", version(2), at(seconds(i / 100)));
  EXPECT_TRUE(refused.may_rotate(kGrant, "car", at(seconds(60))));
}

TEST(RefusedVehicles, do_not_hold_up_other_vehicles_or_grants) {
  RefusedVehicles refused(seconds(30));
  refused.refused_again(kGrant, "car", version(2), at(seconds(0)));
  EXPECT_TRUE(refused.may_rotate(kGrant, "other", at(seconds(1))));
  EXPECT_TRUE(refused.may_rotate(kGrant, "", at(seconds(1))));
  EXPECT_TRUE(refused.may_rotate({AppId("app"), GrantId("g2")}, "car", at(seconds(1))));
  EXPECT_TRUE(refused.may_rotate({AppId("app2"), GrantId("g1")}, "car", at(seconds(1))));
}

TEST(RefusedVehicles, begin_anew_after_a_long_time_without_refusals) {
  RefusedVehicles refused(seconds(30));
  for (std::uint64_t generation = 2; generation < 8; ++generation) {
    refused.refused_again(kGrant, "car", version(generation), at(seconds(0)));
  }
  const BootTime later = at(hours(5));
  refused.refused_again(kGrant, "car", version(9), later);
  EXPECT_TRUE(refused.may_rotate(kGrant, "car", later + seconds(60)));
}

TEST(RefusedVehicles, never_wait_without_an_interval) {
  RefusedVehicles refused(Milliseconds(0));
  refused.refused_again(kGrant, "car", version(2), at(seconds(0)));
  EXPECT_TRUE(refused.may_rotate(kGrant, "car", at(seconds(0))));
}

TEST(RefusedVehicles, are_not_remembered_without_bound) {
  RefusedVehicles refused(seconds(30));
  for (std::size_t i = 0; i < 3 * RefusedVehicles::kMost; ++i) {
    refused.refused_again(kGrant, std::to_string(i), version(2), at(seconds(0)));
  }
  EXPECT_LE(refused.size(), RefusedVehicles::kMost);
}

}  // namespace
}  // namespace keyfob::engine
