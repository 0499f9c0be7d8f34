#include "apps/keyfob/errors.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace keyfob::cli {
namespace {

TEST(Errors, AreTwoLinesWhateverTheyHold) {
  EXPECT_EQ(describe({ErrorCode::not_found, "there is no app x", "add it", {}}),
            "keyfob: there is no app x\nhint: add it\n");
  const auto text = describe({ErrorCode::internal, "line one\nline two", {}, {}});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Errors, HaveTheDocumentedExitCodes) {
  EXPECT_EQ(exit_code_for(ErrorCode::invalid_argument), ExitCode::usage);
  EXPECT_EQ(exit_code_for(ErrorCode::not_found), ExitCode::not_found);
  EXPECT_EQ(exit_code_for(ErrorCode::forbidden), ExitCode::refused);
  EXPECT_EQ(exit_code_for(ErrorCode::unsafe), ExitCode::refused);
  EXPECT_EQ(exit_code_for(ErrorCode::unavailable), ExitCode::failed);
  EXPECT_EQ(exit_code_for(ErrorCode::damaged), ExitCode::failed);
}

TEST(Errors, KeepWhatAProblemDocumentSays) {
  const auto error = error_from({404, {}, R"({"code":"unknown_grant","detail":"no such grant","hint":"list them"})"});
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_EQ(error.what, "no such grant [unknown_grant]");
  EXPECT_EQ(error.hint, "list them");
}

TEST(Errors, SurviveAnAnswerThatIsNoProblemDocument) {
  EXPECT_EQ(error_from({502, {}, "<html>"}).code, ErrorCode::unavailable);
  EXPECT_NE(error_from({500, {}, ""}).what.find("500"), std::string::npos);
}

}  // namespace
}  // namespace keyfob::cli
