#include "console/sessions.hpp"

#include <gmock/gmock.h>

namespace keyfob::console {
namespace {

using ::testing::Eq;
using ::testing::Optional;

constexpr std::string_view kKey = "kf_abcdefghijkl_0123456789012345678901234567890123456789012";
constexpr BootTime kStart{Milliseconds(5000)};

class SessionsTest : public ::testing::Test {
 protected:
  std::optional<std::string> key_at(std::string_view id, BootTime now) {
    const auto key = sessions_.key_of(id, now);
    return key ? std::optional(std::string(*key)) : std::nullopt;
  }
  Sessions sessions_{{.idle = minutes(30), .lifetime = hours(12), .most = 3}};
};

TEST_F(SessionsTest, gives_the_key_back_to_whoever_has_the_id) {
  const auto id = sessions_.begin(kKey, kStart);
  EXPECT_EQ(id.size(), 64U);
  EXPECT_THAT(key_at(id, kStart + minutes(1)), Optional(Eq(kKey)));
}

TEST_F(SessionsTest, has_nothing_for_any_other_id) {
  const auto id = sessions_.begin(kKey, kStart);
  auto other = id;
  other[0] = other[0] == '0' ? '1' : '0';
  for (const std::string& wrong : {std::string(other), std::string(id.substr(1)), std::string(id) + "0", std::string(),
                                   std::string(64, 'x'), std::string(64, '0')}) {
    EXPECT_EQ(key_at(wrong, kStart), std::nullopt) << wrong;
  }
}

TEST_F(SessionsTest, ids_differ_and_do_not_open_each_others_sessions) {
  const auto first = sessions_.begin(kKey, kStart);
  const auto second = sessions_.begin("another", kStart);
  EXPECT_NE(first, second);
  EXPECT_THAT(key_at(first, kStart), Optional(Eq(kKey)));
  EXPECT_THAT(key_at(second, kStart), Optional(Eq("another")));
}

TEST_F(SessionsTest, a_session_that_nobody_uses_ends) {
  const auto id = sessions_.begin(kKey, kStart);
  EXPECT_NE(key_at(id, kStart + minutes(29)), std::nullopt);
  EXPECT_NE(key_at(id, kStart + minutes(58)), std::nullopt);
  EXPECT_EQ(key_at(id, kStart + minutes(88)), std::nullopt);
  EXPECT_EQ(sessions_.size(), 0U);
}

TEST_F(SessionsTest, a_session_in_use_ends_too_when_its_lifetime_is_over) {
  const auto id = sessions_.begin(kKey, kStart);
  for (int i = 1; i < 36; ++i) ASSERT_NE(key_at(id, kStart + minutes(20 * i)), std::nullopt) << i;
  EXPECT_EQ(key_at(id, kStart + hours(12)), std::nullopt);
}

TEST_F(SessionsTest, signing_out_ends_it_at_once) {
  const auto id = sessions_.begin(kKey, kStart);
  sessions_.end(id);
  EXPECT_EQ(key_at(id, kStart), std::nullopt);
  sessions_.end("nonsense");
}

TEST_F(SessionsTest, are_bounded_and_the_one_idle_longest_makes_room) {
  const auto first = sessions_.begin(kKey, kStart);
  const auto second = sessions_.begin(kKey, kStart + seconds(1));
  static_cast<void>(sessions_.begin(kKey, kStart + seconds(2)));
  ASSERT_NE(key_at(first, kStart + seconds(3)), std::nullopt);
  static_cast<void>(sessions_.begin(kKey, kStart + seconds(4)));
  EXPECT_EQ(sessions_.size(), 3U);
  EXPECT_EQ(key_at(second, kStart + seconds(5)), std::nullopt);
  EXPECT_NE(key_at(first, kStart + seconds(5)), std::nullopt);
}

}  // namespace
}  // namespace keyfob::console
