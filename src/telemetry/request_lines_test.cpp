#include "telemetry/request_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace keyfob::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

class RequestLinesTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  void open(LogLevel level) {
    log_ = Log::open({.format = LogFormat::human, .level = level, .file = path_}).value();
    lines_ = std::make_unique<RequestLines>(*log_, [this] { return now; });
  }
  void answer(int status, std::string_view code) {
    lines_->write({.method = "GET",
                   .route = "/v2.0/vehicles/{vehicle}/**",
                   .caller = "backend",
                   .grant = "g_1",
                   .code = code,
                   .status = status,
                   .duration = Milliseconds(12),
                   .request_id = "call-1",
                   .traceparent = "00-aa-bb-01"});
  }
  std::string written() {
    lines_.reset();
    log_.reset();
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  BootTime now{seconds(1000)};

 private:
  std::string path_ = testing::TempDir() + "keyfob_request_lines." + std::to_string(getpid());
  std::unique_ptr<Log> log_;
  std::unique_ptr<RequestLines> lines_;
};

TEST_F(RequestLinesTest, AtDebugEveryRequestIsALine) {
  open(LogLevel::debug);
  answer(200, "");
  EXPECT_THAT(written(), HasSubstr("debug   request request_id=call-1 method=GET route=/v2.0/vehicles/{vehicle}/** "
                                   "status=200 code=\"\" milliseconds=12 caller=backend grant=g_1 "
                                   "traceparent=00-aa-bb-01"));
}

TEST_F(RequestLinesTest, AtInfoOnlyFailuresOfOurs) {
  open(LogLevel::info);
  answer(200, "");
  answer(424, "needs_reauth");
  answer(502, "");  // the provider's own
  answer(503, "provider_unavailable");
  const std::string text = written();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  EXPECT_THAT(text, HasSubstr("info    request request_id=call-1"));
}

TEST_F(RequestLinesTest, AnOutageDoesNotFillTheDisk) {
  open(LogLevel::info);
  for (int i = 0; i < 500; ++i) answer(503, "provider_unavailable");
  now += seconds(1);
  for (int i = 0; i < 500; ++i) answer(503, "provider_unavailable");
  EXPECT_EQ(std::ranges::count(written(), '\n'), 2 * RequestLines::kFailuresPerSecond);
}

}  // namespace
}  // namespace keyfob::telemetry
