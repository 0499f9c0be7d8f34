#include "core/api_key.hpp"

#include <gtest/gtest.h>

#include <string>

namespace keyfob {
namespace {

const std::string kSecret(43, 'A');

TEST(ApiKey, made_of_an_id_and_32_bytes_has_three_parts) {
  const Bytes random(32, 0xFB);
  const auto key = make_api_key(CallerId("abcdefghij12"), random);
  ASSERT_TRUE(key);
  EXPECT_EQ(reveal_secret(*key), "kf_abcdefghij12_-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
}

TEST(ApiKey, can_be_parsed_although_its_secret_has_underscores) {
  const auto key = make_api_key(CallerId("abcdefghij12"), Bytes(32, 0xFF));
  const auto parts = parse_api_key(reveal_secret(*key));
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->id, "abcdefghij12");
  EXPECT_EQ(parts->secret, std::string(42, '_') + "8");
}

TEST(ApiKey, is_not_made_of_a_wrong_id_or_of_too_little_randomness) {
  EXPECT_FALSE(make_api_key(CallerId("short"), Bytes(32, 1)));
  EXPECT_FALSE(make_api_key(CallerId("UPPERCASE1234"), Bytes(32, 1)));
  EXPECT_FALSE(make_api_key(CallerId("abcdefghij12"), Bytes(31, 1)));
}

TEST(ApiKey, of_any_other_form_is_not_parsed) {
  const std::string good = "kf_abcdefghij12_" + kSecret;
  ASSERT_TRUE(parse_api_key(good));
  for (const std::string& bad :
       {std::string(), std::string("kf_"), "xx" + good, good + "A", good.substr(0, good.size() - 1),
        "KF_abcdefghij12_" + kSecret, "kf_abcdefghij1_" + kSecret, "kf_abcdefghiJ12_" + kSecret,
        "kf_" + std::string(33, 'a') + "_" + kSecret, "kf_abcdefghij12" + kSecret,
        "kf_abcdefghij12_" + std::string(42, 'A') + "=", "kf_abcdefghij12_" + std::string(42, 'A') + " "}) {
    EXPECT_FALSE(parse_api_key(bad)) << bad;
  }
}

}  // namespace
}  // namespace keyfob
