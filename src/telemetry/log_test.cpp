#include "telemetry/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "telemetry/log_line.hpp"

namespace keyfob::telemetry {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  std::unique_ptr<Log> open(LogFormat format, LogLevel level = LogLevel::info) {
    auto log = Log::open({.format = format, .level = level, .file = path_});
    EXPECT_TRUE(log);
    return std::move(log).value();
  }
  /// What was written; closes the log first, because another thread writes.
  std::string written(std::unique_ptr<Log> log) {
    log.reset();
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_ = testing::TempDir() + "keyfob_log_test." + std::to_string(getpid());
};

TEST_F(LogTest, ForPeopleItIsOneLineOfWords) {
  auto log = open(LogFormat::human);
  log->write(LogLevel::warning, "listening", {{"address", "127.0.0.1:7420"}, {"note", "two words"}, {"none", ""}});
  EXPECT_THAT(
      written(std::move(log)),
      MatchesRegex("[0-9-]+T[0-9:.]+Z warning listening address=127.0.0.1:7420 note=\"two words\" none=\"\"\n"));
}

TEST_F(LogTest, AsJsonEachLineIsAnObject) {
  auto log = open(LogFormat::json);
  log->write(LogLevel::error, "cannot \"open\"", {{"path", "a\\b\nc\xff"}});
  const auto line = boost::json::parse(written(std::move(log))).as_object();
  EXPECT_EQ(line.at("level").as_string(), "error");
  EXPECT_EQ(line.at("message").as_string(), "cannot \"open\"");
  EXPECT_EQ(line.at("path").as_string(), "a\\b\\x0ac\\xff");
  EXPECT_TRUE(line.contains("time"));
}

TEST_F(LogTest, AValueCannotForgeALine) {
  auto log = open(LogFormat::human);
  log->write(LogLevel::info, "x\n2026-01-01T00:00:00.000Z error forged", {{"k", "a\r\nb\x1b[31m"}});
  const std::string text = written(std::move(log));
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_THAT(text, HasSubstr("k=a\\x0d\\x0ab\\x1b[31m"));
}

TEST_F(LogTest, LevelsCanBeChangedWhileItRuns) {
  auto log = open(LogFormat::human);
  log->write(LogLevel::debug, "unseen");
  log->set_level(LogLevel::debug);
  EXPECT_TRUE(log->wants(LogLevel::debug));
  log->write(LogLevel::debug, "seen");
  log->set_level(LogLevel::error);
  log->write(LogLevel::warning, "unseen");
  const std::string text = written(std::move(log));
  EXPECT_THAT(text, HasSubstr(" seen\n"));
  EXPECT_THAT(text, Not(HasSubstr("unseen")));
}

TEST_F(LogTest, LosesNoLineOfManyThreadsWhenItIsClosed) {
  auto log = open(LogFormat::json);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&log] {
      for (int n = 0; n < 500; ++n) log->write(LogLevel::info, "line");
    });
  }
  threads.clear();
  const std::string text = written(std::move(log));
  EXPECT_EQ(std::ranges::count(text, '\n'), 2000);
}

TEST_F(LogTest, AnEventSaysWhichGrantButNotWhose) {
  auto log = open(LogFormat::human);
  LogSink sink(*log);
  sink.emit({.name = "grant.suspect",
             .app = AppId("app1"),
             .grant = GrantId("g1"),
             .user = UserId("alice"),
             .vehicles = {VehicleId("vehicle-7")},
             .detail = "refused once"});
  sink.emit({.name = "application.suspended", .app = AppId("app1")});
  const std::string text = written(std::move(log));
  EXPECT_THAT(text, HasSubstr("warning grant.suspect app=app1 grant=g1 detail=\"refused once\"\n"));
  EXPECT_THAT(text, HasSubstr("error   application.suspended app=app1"));
  EXPECT_THAT(text, Not(HasSubstr("alice")));
  EXPECT_THAT(text, Not(HasSubstr("vehicle-7")));
}

TEST(Log, AFileThatCannotBeOpenedIsAnError) {
  const auto log = Log::open({.file = "/dev/null/log"});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::unavailable);
}

TEST(Log, LevelsHaveNames) {
  EXPECT_EQ(log_level_from("warning"), LogLevel::warning);
  EXPECT_EQ(log_level_from("loud"), std::nullopt);
}

TEST(LogLine, KeepsUtf8AndEscapesWhatIsNot) {
  EXPECT_EQ(human_line("é€😀", {}), "é€😀");
  EXPECT_EQ(human_line("\xc0\xaf \xed\xa0\x80 \xf5 \xe2\x82 \xc2\x85", {}),
            "\\xc0\\xaf \\xed\\xa0\\x80 \\xf5 \\xe2\\x82 \\xc2\\x85");
}

}  // namespace
}  // namespace keyfob::telemetry
