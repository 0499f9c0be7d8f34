#include "engine/credentials.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "testing/world.hpp"

namespace keyfob::engine {
namespace {

/// Gives application tokens "app-1", "app-2" and so on, an hour each; never at once, as no network does.
class Counting final : public TokenEndpoint {
 public:
  Task<TokenAnswer> exchange(TokenRequest, ExchangeLimits) override {
    ++asked;
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    TokenAnswer answer;
    if (down) co_return answer;
    answer.access = AccessToken("app-" + std::to_string(++given));
    answer.expires_in = hours(1);
    co_return answer;
  }
  int asked = 0;
  int given = 0;
  bool down = false;
};

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    world.add_app();
    ApplicationEdit edit;
    edit.v3_client_id = "v3";
    edit.v3_client_secret = ClientSecret("v3-secret");
    EXPECT_TRUE(world.run(world.engine->directory().set_application(world.app, std::move(edit))).has_value());
  }
  std::string ask(std::uint64_t refused = 0) {
    auto answer = world.run(credentials.authorization(world.app, CredentialKind::application, Scheme::bearer, refused));
    return answer ? std::string(reveal_secret(answer->value)) : "failed";
  }
  std::string ask_other(std::uint64_t refused = 0) {
    auto answer = world.run(other.authorization(world.app, CredentialKind::application, Scheme::bearer, refused));
    return answer ? std::string(reveal_secret(answer->value)) : "failed";
  }
  /// What is at hand without waiting; empty: nothing.
  std::string at_hand(CredentialKind kind = CredentialKind::application) {
    slot.value.clear_and_wipe();
    return credentials.try_authorization(world.app, kind, slot) ? std::string(slot.value.view()) : "";
  }

  testing::World world;
  Counting endpoint;
  CredentialSlot slot;
  Credentials::Ports ports{world.engine->executor(),  endpoint,    world.clock, world.random,
                           world.engine->directory(), &world.store};
  Credentials credentials{ports, {seconds(10), seconds(30)}};
  Credentials other{ports, {seconds(10), seconds(30)}};  ///< of another node
};

TEST_F(CredentialsTest, AnApplicationTokenIsAtHandOnceItWasAskedFor) {
  EXPECT_EQ(at_hand(), "");
  EXPECT_EQ(ask(), "Bearer app-1");
  EXPECT_EQ(at_hand(), "Bearer app-1");
  EXPECT_EQ(ask(), "Bearer app-1");
  EXPECT_EQ(endpoint.given, 1);
}

TEST_F(CredentialsTest, NothingIsAtHandOnceItIsDue) {
  ask();
  world.pass(minutes(56));
  EXPECT_EQ(at_hand(), "");
  EXPECT_EQ(ask(), "Bearer app-1") << "it lives for four minutes, and nobody has to wait";
  EXPECT_EQ(ask(), "Bearer app-2");
  EXPECT_EQ(at_hand(), "Bearer app-2");
}

TEST_F(CredentialsTest, ATokenThatLivesIsServedWhileTheProviderGivesNoOther) {
  ask();
  world.pass(minutes(56));
  endpoint.down = true;
  EXPECT_EQ(ask(), "Bearer app-1");
  EXPECT_EQ(ask(), "Bearer app-1");
  EXPECT_EQ(endpoint.asked, 2) << "not at every call";
  world.pass(seconds(10));
  endpoint.down = false;
  EXPECT_EQ(ask(), "Bearer app-1");
  EXPECT_EQ(ask(), "Bearer app-2");
}

TEST_F(CredentialsTest, AnExpiredTokenIsNotServed) {
  ask();
  world.pass(minutes(60));
  endpoint.down = true;
  EXPECT_EQ(ask(), "failed");
}

TEST_F(CredentialsTest, NodesShareOneTokenAndOneRenewal) {
  EXPECT_EQ(ask(), "Bearer app-1");
  EXPECT_EQ(ask_other(), "Bearer app-1");
  world.pass(minutes(60));
  EXPECT_EQ(ask_other(), "Bearer app-2");
  EXPECT_EQ(ask(), "Bearer app-2");
  EXPECT_EQ(endpoint.given, 2);
}

TEST_F(CredentialsTest, ATokenThatOneNodeWasRefusedIsReplacedForAll) {
  ask();
  at_hand();
  ask_other();
  world.pass(minutes(1));
  EXPECT_EQ(ask(slot.serial), "Bearer app-2");
  EXPECT_EQ(ask_other(1), "Bearer app-2") << "the other node's own number of the refused one";
  EXPECT_EQ(endpoint.given, 2);
}

TEST_F(CredentialsTest, AClaimOfANodeThatDiedEnds) {
  AppTokenClaim claim{world.app, 0, seconds(15)};
  ASSERT_TRUE(world.run(world.store.claim_app_token(claim))->renew);
  world.pass(seconds(16));
  EXPECT_EQ(ask(), "Bearer app-1");
}

TEST_F(CredentialsTest, ARenewalThatFailedLeavesNoClaim) {
  endpoint.down = true;
  EXPECT_EQ(ask(), "failed");
  endpoint.down = false;
  EXPECT_EQ(ask_other(), "Bearer app-1");
}

TEST_F(CredentialsTest, ARefusedTokenIsNoLongerAtHandWhenANewOneHasCome) {
  ask();
  EXPECT_EQ(at_hand(), "Bearer app-1");
  const std::uint64_t refused = slot.serial;
  world.pass(minutes(1));
  EXPECT_EQ(ask(refused), "Bearer app-2");
  EXPECT_EQ(at_hand(), "Bearer app-2");
  EXPECT_NE(slot.serial, refused);
}

TEST_F(CredentialsTest, OtherKindsAndApplicationsAreNeverAtHand) {
  ask();
  EXPECT_EQ(at_hand(CredentialKind::management), "");
  EXPECT_EQ(at_hand(CredentialKind::client), "");
  EXPECT_FALSE(credentials.try_authorization(AppId("other"), CredentialKind::application, slot));
}

TEST_F(CredentialsTest, NothingIsAtHandWhenTheApplicationIsGone) {
  ask();
  EXPECT_TRUE(world.run(world.engine->directory().remove_application(world.app)).has_value());
  EXPECT_EQ(at_hand(), "");
}

}  // namespace
}  // namespace keyfob::engine
