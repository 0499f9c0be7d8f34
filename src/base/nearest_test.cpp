#include "base/nearest.hpp"

#include <gtest/gtest.h>

#include <array>

namespace keyfob {
namespace {

constexpr std::array<std::string_view, 3> kKnown = {"access_token", "refresh_token", "user"};

TEST(Nearest, finds_the_word_that_was_meant) {
  EXPECT_EQ(nearest("acces_token", kKnown), "access_token");
  EXPECT_EQ(nearest("users", kKnown), "user");
  EXPECT_EQ(nearest("refreshToken", kKnown), "refresh_token");
}

TEST(Nearest, is_empty_when_nothing_is_close) {
  EXPECT_EQ(nearest("vin", kKnown), "");
  EXPECT_EQ(nearest("something_else", kKnown), "");
  EXPECT_EQ(nearest("", kKnown), "");
}

TEST(EditDistance, counts_insertions_removals_and_replacements) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", "abc"), 0U);
}

}  // namespace
}  // namespace keyfob
