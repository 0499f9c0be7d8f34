#include "gateway/request_figures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyfob::gateway {
namespace {

using testing::ElementsAre;

struct NotedMetrics final : Metrics {
  void count(std::string_view name, std::string_view label, double) override { note(name, label); }
  void gauge(std::string_view name, double, std::string_view label) override { note(name, label); }
  void observe(std::string_view name, Milliseconds value, std::string_view label) override {
    note(name, std::string(label) + " " + std::to_string(value.count()));
  }
  void note(std::string_view name, std::string_view label) {
    lines.push_back(std::string(name) + " " + std::string(label));
  }
  std::vector<std::string> lines;
};

std::vector<std::string> counted(RequestClass what, int status, Milliseconds took) {
  NotedMetrics metrics;
  count_request(metrics, what, {.status = status, .duration = took});
  return metrics.lines;
}

TEST(RequestFigures, ARequestIsCountedByClassAndOutcomeAndTimed) {
  EXPECT_THAT(counted(RequestClass::gateway, 204, Milliseconds(7)),
              ElementsAre("requests class=gateway,outcome=2xx", "request_duration class=gateway 7"));
  EXPECT_THAT(counted(RequestClass::malformed, 503, Milliseconds(0)),
              ElementsAre("requests class=malformed,outcome=5xx", "request_duration class=malformed 0"));
}

TEST(RequestFigures, ACallerWhoHungUpGotNoOutcome) {
  EXPECT_EQ(counted(RequestClass::token, 0, Milliseconds(1)).front(), "requests class=token,outcome=none");
}

TEST(RequestFigures, AStatusThatDoesNotExistIsStillCountedSomewhere) {
  EXPECT_EQ(counted(RequestClass::gateway, 999, Milliseconds(1)).front(), "requests class=gateway,outcome=5xx");
}

TEST(RequestFigures, ThePathsOfTheApiHaveThreeClasses) {
  EXPECT_EQ(class_of_api("/v1/token"), RequestClass::token);
  EXPECT_EQ(class_of_api("/v1/tokens"), RequestClass::api);
  EXPECT_EQ(class_of_api("/metrics"), RequestClass::probe);
  EXPECT_EQ(class_of_api("/v1/grants/g/refresh"), RequestClass::api);
}

}  // namespace
}  // namespace keyfob::gateway
