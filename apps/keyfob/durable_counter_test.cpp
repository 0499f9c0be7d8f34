#include "apps/keyfob/durable_counter.hpp"

#include <gtest/gtest.h>

#include "apps/keyfob/temp_dir_for_test.hpp"

namespace keyfob::node {
namespace {

TEST(DurableCounter, BeginsAtOneAndGoesOn) {
  const test::TempDir dir;
  for (std::uint64_t i = 1; i <= 11; ++i) EXPECT_EQ(count_up(dir.path() / "n").value(), i);
}

TEST(DurableCounter, NeverGrowsItsFile) {
  const test::TempDir dir;
  ASSERT_TRUE(count_up(dir.path() / "n"));
  const auto size = dir.read("n").size();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(count_up(dir.path() / "n"));
  EXPECT_EQ(dir.read("n").size(), size);
}

TEST(DurableCounter, SurvivesATornLine) {
  const test::TempDir dir;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(count_up(dir.path() / "n"));
  std::string text = dir.read("n");
  text.replace(text.find('5'), 1, std::string(1, '\0'));
  dir.write("n", text);
  EXPECT_EQ(count_up(dir.path() / "n").value(), 5U) << "5 was never handed out whole, so it may be used";
}

TEST(DurableCounter, DoesNotStartOverWhenItCannotRead) {
  const test::TempDir dir;
  for (const char* text : {"", "many\n", "7\n"}) {
    dir.write("n", text);
    EXPECT_EQ(count_up(dir.path() / "n").error().code, ErrorCode::damaged);
  }
}

}  // namespace
}  // namespace keyfob::node
