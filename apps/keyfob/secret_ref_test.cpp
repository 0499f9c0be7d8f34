#include "apps/keyfob/secret_ref.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "apps/keyfob/temp_dir_for_test.hpp"

namespace keyfob::cli {
namespace {

TEST(SecretReference, ReadsAFileWithoutItsLineBreak) {
  const test::TempDir dir;
  const auto file = dir.write("secret", "s3cret\r\n");
  const auto secret = read_secret("@" + file.string(), "--client-secret");
  ASSERT_TRUE(secret);
  EXPECT_EQ(*secret, Secret("s3cret"));
}

TEST(SecretReference, ReadsAnEnvironmentVariable) {
  ::setenv("KEYFOB_TEST_SECRET", "from env", 1);
  EXPECT_EQ(read_secret("env:KEYFOB_TEST_SECRET", "--client-secret").value(), Secret("from env"));
  ::unsetenv("KEYFOB_TEST_SECRET");
  EXPECT_EQ(read_secret("env:KEYFOB_TEST_SECRET", "--client-secret").error().code, ErrorCode::not_found);
}

TEST(SecretReference, RefusesALiteralValueAndNeverRepeatsIt) {
  const auto error = read_secret("hunter2", "--client-secret").error();
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  EXPECT_EQ((error.what + error.hint).find("hunter2"), std::string::npos);
  EXPECT_NE(error.hint.find("@FILE"), std::string::npos);
}

TEST(SecretReference, RefusesAnEmptySecret) {
  const test::TempDir dir;
  const auto file = dir.write("secret", "\n");
  EXPECT_EQ(read_secret("@" + file.string(), "--client-secret").error().code, ErrorCode::invalid_argument);
}

TEST(SecretReference, SaysWhichFileIsMissing) {
  const auto error = read_secret("@/nowhere/secret", "--client-secret").error();
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_NE(error.what.find("/nowhere/secret"), std::string::npos);
}

}  // namespace
}  // namespace keyfob::cli
