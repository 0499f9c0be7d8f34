#include "model/token_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyfob::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kEverything = [](const Grant&) { return true; };

/// One desk, one client, and a clock that the test moves.
class TokenDeskTest : public testing::Test {
 protected:
  static Consent consent(std::vector<std::string> vehicles = {"car"}) {
    return {.client = "app", .user = "owner", .vehicles = std::move(vehicles)};
  }
  TokenPair pair() { return desk_.issue_pair(consent(), now_); }
  TokenAnswer refresh(const std::string& token) { return desk_.refresh("app", token, now_); }
  void after(seconds time) { now_ += time; }
  void rotate_by(Rotation rotation) { desk_.settings().rotation = rotation; }

  WallTime now_ = from_unix_ms(1'700'000'000'000);
  TokenDesk desk_{Settings{}, 7};
};

MATCHER_P(is_refused_as, refusal, "") { return !arg && arg.error() == refusal; }

TEST_F(TokenDeskTest, a_code_becomes_a_pair_once_and_within_ten_minutes) {
  const std::string code = desk_.issue_code(consent(), "https://app/cb", now_);
  const auto pair = desk_.exchange_code("app", code, "https://app/cb", now_);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->expires_in, seconds(7200));
  EXPECT_THAT(desk_.exchange_code("app", code, "https://app/cb", now_), is_refused_as(Refusal::spent));

  const std::string slow = desk_.issue_code(consent(), "https://app/cb", now_);
  after(seconds(600));
  EXPECT_THAT(desk_.exchange_code("app", slow, "https://app/cb", now_), is_refused_as(Refusal::expired));
}

TEST_F(TokenDeskTest, a_code_belongs_to_its_client_and_redirect_uri) {
  const std::string code = desk_.issue_code(consent(), "https://app/cb", now_);
  EXPECT_THAT(desk_.exchange_code("other", code, "https://app/cb", now_), is_refused_as(Refusal::foreign_client));
  EXPECT_THAT(desk_.exchange_code("app", code, "https://evil/cb", now_), is_refused_as(Refusal::redirect_mismatch));
  EXPECT_TRUE(desk_.exchange_code("app", code, "undefined", now_)) << "the Node SDK sends this word";
}

TEST_F(TokenDeskTest, a_refresh_replaces_both_tokens_and_leaves_the_older_access_token_alive) {
  const TokenPair old = pair();
  const auto fresh = refresh(old.refresh_token);
  ASSERT_TRUE(fresh);
  EXPECT_NE(fresh->access_token, old.access_token);
  EXPECT_NE(fresh->refresh_token, old.refresh_token);
  EXPECT_NE(desk_.open_access(old.access_token, now_), nullptr);
  after(seconds(7200));
  EXPECT_EQ(desk_.open_access(old.access_token, now_), nullptr);
}

TEST_F(TokenDeskTest, a_second_use_inside_the_window_answers_the_same_pair_again) {
  const TokenPair old = pair();
  const auto first = refresh(old.refresh_token);
  after(seconds(60));
  const auto second = refresh(old.refresh_token);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->refresh_token, first->refresh_token);
  EXPECT_EQ(second->access_token, first->access_token);
  EXPECT_EQ(second->expires_in, seconds(7140)) << "what is left of the access token";
  EXPECT_EQ(desk_.stats().rotations, 1U);
  EXPECT_EQ(desk_.stats().second_uses, 1U);
}

TEST_F(TokenDeskTest, a_second_use_can_answer_one_more_new_pair) {
  desk_.settings().replay = Replay::new_pair;
  const TokenPair old = pair();
  const auto first = refresh(old.refresh_token);
  const auto second = refresh(old.refresh_token);
  ASSERT_TRUE(second);
  EXPECT_NE(second->refresh_token, first->refresh_token);
  EXPECT_TRUE(refresh(first->refresh_token));
  EXPECT_TRUE(refresh(second->refresh_token));
}

TEST_F(TokenDeskTest, a_use_after_the_window_is_refused_and_counted_as_late) {
  const TokenPair old = pair();
  const auto fresh = refresh(old.refresh_token);
  after(seconds(61));
  EXPECT_THAT(refresh(old.refresh_token), is_refused_as(Refusal::spent));
  EXPECT_EQ(desk_.stats().late_uses, 1U);
  EXPECT_TRUE(refresh(fresh->refresh_token)) << "the family lives";
}

TEST_F(TokenDeskTest, a_strict_provider_refuses_the_second_use_at_once) {
  rotate_by(Rotation::strict);
  const TokenPair old = pair();
  ASSERT_TRUE(refresh(old.refresh_token));
  EXPECT_THAT(refresh(old.refresh_token), is_refused_as(Refusal::spent));
}

TEST_F(TokenDeskTest, a_provider_that_revokes_families_kills_the_whole_grant_on_reuse) {
  rotate_by(Rotation::strict);
  desk_.settings().strict_revokes_family = true;
  const TokenPair old = pair();
  const auto fresh = refresh(old.refresh_token);
  EXPECT_THAT(refresh(old.refresh_token), is_refused_as(Refusal::spent));
  EXPECT_THAT(refresh(fresh->refresh_token), is_refused_as(Refusal::revoked));
  EXPECT_EQ(desk_.open_access(fresh->access_token, now_), nullptr);
  EXPECT_EQ(desk_.stats().families_revoked, 1U);
}

TEST_F(TokenDeskTest, without_rotation_the_refresh_token_stays) {
  rotate_by(Rotation::none);
  const TokenPair old = pair();
  const auto fresh = refresh(old.refresh_token);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->refresh_token, old.refresh_token);
  EXPECT_NE(fresh->access_token, old.access_token);
  after(seconds(5'000'000));
  EXPECT_TRUE(refresh(old.refresh_token)) << "each use starts its sixty days anew";
}

TEST_F(TokenDeskTest, an_idle_refresh_token_ends_after_sixty_days) {
  const TokenPair old = pair();
  after(seconds(5'184'000));
  EXPECT_THAT(refresh(old.refresh_token), is_refused_as(Refusal::expired));
  EXPECT_EQ(desk_.stats().late_uses, 0U) << "it was never used, so nobody lost anything by racing";
}

TEST_F(TokenDeskTest, tokens_of_nobody_and_of_another_client_are_refused) {
  EXPECT_THAT(refresh("nonsense"), is_refused_as(Refusal::unknown));
  const TokenPair old = pair();
  EXPECT_THAT(desk_.refresh("other", old.refresh_token, now_), is_refused_as(Refusal::foreign_client));
  EXPECT_TRUE(refresh(old.refresh_token)) << "the foreign attempt was no use";
}

TEST_F(TokenDeskTest, a_pair_issued_to_nobody_belongs_to_whoever_uses_it_first) {
  Consent open = consent();
  open.client.clear();
  const TokenPair old = desk_.issue_pair(open, now_);
  const auto fresh = desk_.refresh("first", old.refresh_token, now_);
  ASSERT_TRUE(fresh);
  EXPECT_THAT(desk_.refresh("second", fresh->refresh_token, now_), is_refused_as(Refusal::foreign_client));
}

TEST_F(TokenDeskTest, disconnecting_the_last_vehicle_ends_the_refresh_token) {
  const TokenPair old = desk_.issue_pair(consent({"a", "b"}), now_);
  desk_.disconnect(kEverything, "a");
  EXPECT_THAT(desk_.grants().front().consent.vehicles, ElementsAre("b"));
  EXPECT_TRUE(desk_.inspect_refresh(old.refresh_token, now_)->live);
  desk_.disconnect(kEverything, "b");
  EXPECT_THAT(refresh(old.refresh_token), is_refused_as(Refusal::revoked));
  const Grant* grant = desk_.open_access(old.access_token, now_);
  ASSERT_NE(grant, nullptr) << "the access token lasts, and opens nothing";
  EXPECT_THAT(grant->consent.vehicles, IsEmpty());
}

TEST_F(TokenDeskTest, tokens_can_be_ended_before_their_time) {
  const TokenPair old = pair();
  EXPECT_EQ(desk_.expire_access(kEverything, now_), 1U);
  EXPECT_EQ(desk_.open_access(old.access_token, now_), nullptr);
  EXPECT_EQ(desk_.expire_refresh(kEverything, now_), 1U);
  EXPECT_THAT(refresh(old.refresh_token), is_refused_as(Refusal::expired));
}

TEST_F(TokenDeskTest, connecting_again_can_end_the_earlier_pairs) {
  desk_.settings().reconnect_invalidates = true;
  const TokenPair old = pair();
  const TokenPair fresh = pair();
  EXPECT_THAT(refresh(old.refresh_token), is_refused_as(Refusal::revoked));
  EXPECT_TRUE(refresh(fresh.refresh_token));
}

TEST_F(TokenDeskTest, it_says_whether_the_newest_pair_ever_came_back) {
  const TokenPair old = pair();
  const auto fresh = refresh(old.refresh_token);
  EXPECT_FALSE(desk_.grants().front().newest_seen) << "the answer may have been lost";
  (void)desk_.open_access(old.access_token, now_);
  EXPECT_FALSE(desk_.grants().front().newest_seen) << "the older token proves nothing";
  (void)desk_.open_access(fresh->access_token, now_);
  EXPECT_TRUE(desk_.grants().front().newest_seen);
}

TEST_F(TokenDeskTest, it_counts_how_often_each_refresh_token_was_used) {
  const TokenPair old = pair();
  EXPECT_TRUE(refresh(old.refresh_token));
  EXPECT_TRUE(refresh(old.refresh_token));
  EXPECT_THAT(desk_.uses_of_refresh_tokens(), ElementsAre(testing::Pair(0U, 1U), testing::Pair(2U, 1U)));
  EXPECT_EQ(desk_.live_refresh_tokens(now_), 2U);
  after(seconds(61));
  EXPECT_EQ(desk_.live_refresh_tokens(now_), 1U);
}

TEST(TokenDesk, with_the_same_seed_hands_out_the_same_tokens) {
  const auto token = [](std::uint64_t seed) {
    return TokenDesk(Settings{}, seed).issue_pair({}, WallTime()).access_token;
  };
  EXPECT_EQ(token(1), token(1));
  EXPECT_NE(token(1), token(2));
  EXPECT_TRUE(looks_like_uuid(token(1))) << token(1);
}

}  // namespace
}  // namespace keyfob::sim
