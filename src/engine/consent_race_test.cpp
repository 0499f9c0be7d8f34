// A consent's pair on its way to the owner's grant, while others refresh.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "engine/sealer.hpp"
#include "testing/world.hpp"

namespace keyfob {
namespace {

using testing::World;

class ConsentRace : public ::testing::Test {
 protected:
  ConsentRace() {
    world.add_app();
    world.idp.vehicles["owner-9"] = {VehicleId("car-1")};
    present = world.import("u9", "car-1");
  }

  std::vector<GrantRecord> all() {
    GrantFilter filter;
    filter.app = world.app;
    return world.run(world.store.list(std::move(filter))).value().grants;
  }
  std::optional<GrantRecord> provisional() {
    for (const GrantRecord& record : all()) {
      if (engine::is_provisional(record.grant)) return record;
    }
    return std::nullopt;
  }
  GrantRecord store_provisional() {
    engine::NewGrant grant;
    grant.user = UserId("u9");
    grant.pair = world.idp.issue("owner-9");
    grant.expires_in = hours(2);
    grant.provisional = true;
    EXPECT_TRUE(world.run(world.engine->grants().import_one(world.app, std::move(grant))));
    return provisional().value();
  }
  engine::NewGrant consent_of(const GrantRecord& record) {
    engine::Sealer sealer(world.engine->directory(), world.random);
    engine::NewGrant grant;
    grant.user = UserId("u9");
    grant.pair = sealer.open(record).value();
    grant.expires_in = hours(2);
    grant.provider_user = ProviderUserId("owner-9");
    grant.vehicles = {VehicleId("car-1")};
    grant.merge_vehicles = true;
    return grant;
  }
  /// Long after every window.
  void expect_well() {
    world.pass(hours(1));
    EXPECT_TRUE(world.run(world.engine->refresh({present.app, present.id}, seconds(30))));
    EXPECT_EQ(world.idp.late_uses(), 0);
    EXPECT_EQ(all().size(), 1U);
  }
  void bring_consent_back() {
    engine::ConnectRequest request;
    request.app = world.app;
    request.user = UserId("u9");
    const auto url = world.run(world.engine->consent().start(std::move(request)));
    ASSERT_TRUE(url) << url.error().what;
    auto body = [this, state = url->state]() -> Task<void> {
      engine::CallbackRequest callback;
      callback.code = "owner-9";
      callback.state = state;
      const auto result = co_await world.engine->consent().finish(std::move(callback));
      finished = result && result->grant;
    };
    asio::co_spawn(*world.node_context, std::move(body), asio::detached);
  }

  World world;
  Grant present;
  bool finished = false;
};

TEST_F(ConsentRace, APairRotatedWhileTheProviderIsAskedWhoseItIsReachesTheOwnersGrant) {
  world.idp.identity_latency = seconds(5);
  bring_consent_back();
  world.pass(seconds(1));
  const auto waiting = provisional();
  ASSERT_TRUE(waiting);
  ASSERT_TRUE(world.run(world.engine->refresh({waiting->grant.app, waiting->grant.id}, seconds(3))));
  world.pass(seconds(10));
  EXPECT_TRUE(finished);
  EXPECT_EQ(world.stored(present).grant.version.epoch, present.version.epoch.next());
  expect_well();
}

TEST_F(ConsentRace, ARefreshOnItsWayIsWaitedFor) {
  world.idp.identity_latency = seconds(5);
  bring_consent_back();
  world.pass(seconds(1));
  const auto waiting = provisional();
  ASSERT_TRUE(waiting);
  world.idp.slow_by = seconds(8);
  world.idp.next({testing::Fault::slow});
  EXPECT_FALSE(world.run(world.engine->refresh({waiting->grant.app, waiting->grant.id}, seconds(1))));
  world.pass(minutes(3));
  EXPECT_EQ(world.stored(present).grant.version.epoch, present.version.epoch.next());
  expect_well();
}

/// The process died between the hand-over and the end of what was left.
TEST_F(ConsentRace, WhatIsLeftOfAConsentIsNotHandedOverTwice) {
  const GrantRecord left = store_provisional();
  const auto taken = world.run(world.engine->grants().absorb(left, consent_of(left)));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->id, present.id);
  ASSERT_TRUE(world.run(world.engine->refresh({present.app, present.id}, seconds(30))));
  const GrantVersion newest = world.stored(present).grant.version;
  world.crash();
  world.restart();
  world.pass(minutes(2));
  EXPECT_EQ(world.stored(present).grant.version, newest);
  expect_well();
}

/// The note names a grant that was not written: what is left is a consent as before.
TEST_F(ConsentRace, AHandOverThatDidNotHappenIsDoneAgain) {
  const GrantRecord before = world.stored(present);
  const GrantRecord left = store_provisional();
  const auto taken = world.run(world.engine->grants().absorb(left, consent_of(left)));
  ASSERT_TRUE(taken);
  std::vector<PutRequest> back(1, PutRequest{before, taken->version});
  ASSERT_TRUE(world.run(world.store.put(std::move(back))));
  world.pass(minutes(4));
  EXPECT_EQ(world.stored(present).grant.version.epoch, before.grant.version.epoch.next());
  expect_well();
}

TEST_F(ConsentRace, AnOwnerWithoutAGrantGetsTheOneThatWasWaiting) {
  ASSERT_TRUE(world.run(world.store.remove({present.app, present.id})));
  world.idp.identity_latency = Milliseconds(10);
  bring_consent_back();
  world.pass(seconds(1));
  EXPECT_TRUE(finished);
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all().front().grant.provider_user.view(), "owner-9");
}

}  // namespace
}  // namespace keyfob
