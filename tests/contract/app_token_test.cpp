// AppTokenStore.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

class AppTokenContract : public StoreContract {
 protected:
  AppTokenAnswer claim(std::uint64_t seen = 0, const AppId& app = kApp) {
    return run(store->app_tokens->claim_app_token({app, seen, seconds(15)})).value();
  }
  std::uint64_t put(const char* sealed) {
    return run(store->app_tokens->put_app_token(kApp, {to_bytes(sealed), 0, at(10), at(3610)})).value();
  }
};

TEST_P(AppTokenContract, one_is_told_to_renew_and_the_others_get_what_he_stored) {
  EXPECT_TRUE(claim().renew);
  const auto meanwhile = claim();
  EXPECT_FALSE(meanwhile.renew);
  EXPECT_FALSE(meanwhile.other);
  const std::uint64_t number = put("sealed");
  EXPECT_NE(number, 0U);
  const auto after = claim();
  EXPECT_FALSE(after.renew);
  ASSERT_TRUE(after.other);
  EXPECT_EQ(after.other->sealed, to_bytes("sealed"));
  EXPECT_EQ(after.other->number, number);
  EXPECT_EQ(after.other->issued_at, at(10));
  EXPECT_EQ(after.other->expires_at, at(3610));
}

TEST_P(AppTokenContract, whoever_has_the_stored_one_may_renew_it_and_gets_another_number) {
  claim();
  const std::uint64_t first = put("first");
  EXPECT_TRUE(claim(first).renew);
  EXPECT_FALSE(claim(first).renew);
  const std::uint64_t second = put("second");
  EXPECT_NE(second, first);
  EXPECT_EQ(claim(first).other->sealed, to_bytes("second"));
  EXPECT_TRUE(claim(second).renew);
}

TEST_P(AppTokenContract, a_claim_ends_when_it_is_released_and_when_its_time_is_over) {
  EXPECT_TRUE(claim().renew);
  ASSERT_THAT(run(store->app_tokens->release_app_token(kApp)), is_ok());
  EXPECT_TRUE(claim().renew);
  store->advance(seconds(16));
  EXPECT_TRUE(claim().renew) << "whoever held it may have died";
}

TEST_P(AppTokenContract, applications_have_nothing_to_do_with_each_other) {
  EXPECT_TRUE(claim().renew);
  EXPECT_TRUE(claim(0, AppId("another")).renew);
  put("sealed");
  EXPECT_FALSE(claim(0, AppId("another")).other);
}

TEST_P(AppTokenContract, what_nobody_claimed_is_not_stored) {
  EXPECT_THAT(run(store->app_tokens->put_app_token(kApp, {to_bytes("x"), 0, at(1), at(2)})),
              is_error(ErrorCode::not_found));
  EXPECT_THAT(run(store->app_tokens->release_app_token(kApp)), is_ok());
}

INSTANTIATE_TEST_SUITE_P(Stores, AppTokenContract, testing::ValuesIn(store_factories()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace keyfob::contract
