#include "telemetry/prometheus_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "telemetry/event_tee.hpp"
#include "telemetry/metric_help.hpp"
#include "telemetry/null_metrics.hpp"

namespace keyfob::telemetry {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class MetricsTest : public testing::Test {
 protected:
  Metrics& metrics() { return metrics_; }
  std::string text() { return metrics_.text(); }

 private:
  PrometheusMetrics metrics_;
};

TEST_F(MetricsTest, CountsByLabel) {
  metrics().count("keyfob_requests_total", "route=v2,outcome=ok");
  metrics().count("keyfob_requests_total", "route=v2,outcome=ok");
  metrics().count("keyfob_requests_total", "route=v3,outcome=ok", 5);
  EXPECT_THAT(text(), HasSubstr("# TYPE keyfob_requests_total counter\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_requests_total{route=\"v2\",outcome=\"ok\"} 2\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_requests_total{route=\"v3\",outcome=\"ok\"} 5\n"));
}

TEST_F(MetricsTest, AGaugeHasTheLastValueWhoeverSetIt) {
  metrics().gauge("keyfob_lag_seconds", 3.5);
  std::thread([&] { metrics().gauge("keyfob_lag_seconds", 1.25); }).join();
  EXPECT_THAT(text(), HasSubstr("# TYPE keyfob_lag_seconds gauge\nkeyfob_lag_seconds 1.25\n"));
}

TEST_F(MetricsTest, HistogramsAreCumulativeAndInSeconds) {
  metrics().observe("keyfob_refresh_seconds", Milliseconds(1));
  metrics().observe("keyfob_refresh_seconds", Milliseconds(499));
  metrics().observe("keyfob_refresh_seconds", minutes(10));
  EXPECT_THAT(text(), HasSubstr("keyfob_refresh_seconds_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_refresh_seconds_bucket{le=\"0.25\"} 1\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_refresh_seconds_bucket{le=\"0.5\"} 2\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_refresh_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_refresh_seconds_count 3\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_refresh_seconds_sum 600.5\n"));
}

TEST_F(MetricsTest, SumsOverThreadsAndLosesNothingWhenTheyEnd) {
  constexpr int kThreads = 8;
  constexpr int kEach = 10'000;
  const auto work = [this] {
    for (int i = 0; i < kEach; ++i) metrics().count("keyfob_hits_total", "kind=hot");
  };
  for (int round = 0; round < 2; ++round) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
    EXPECT_THAT(text(), HasSubstr("keyfob_metrics_dropped_total 0\n"));
  }
  EXPECT_THAT(text(), HasSubstr("keyfob_hits_total{kind=\"hot\"} 160000\n"));
}

TEST_F(MetricsTest, TwoInstancesInOneThreadDoNotMix) {
  metrics().count("keyfob_hits_total");
  for (int i = 0; i < 3; ++i) {
    PrometheusMetrics other;
    Metrics& port = other;
    port.count("keyfob_hits_total", {}, 7);
    EXPECT_THAT(other.text(), HasSubstr("keyfob_hits_total 7\n"));
  }
  EXPECT_THAT(text(), HasSubstr("keyfob_hits_total 1\n"));
}

TEST_F(MetricsTest, ALabelFromOutsideCannotFillTheMemory) {
  for (std::size_t i = 0; i < PrometheusMetrics::kMaxSeries + 10; ++i) {
    metrics().count("keyfob_hits_total", "n=" + std::to_string(i));
  }
  EXPECT_THAT(text(), HasSubstr("keyfob_metrics_dropped_total 10\n"));
  EXPECT_THAT(text(), Not(HasSubstr("n=\"2005\"")));
}

TEST_F(MetricsTest, DropsWhatPrometheusWouldNotRead) {
  metrics().count("keyfob hits");
  metrics().count("keyfob_hits_total", "=1");
  metrics().count("keyfob_hits_total", "bad-key=1");
  metrics().gauge("bad-name", 1);
  EXPECT_THAT(text(), HasSubstr("keyfob_metrics_dropped_total 4\n"));
  EXPECT_THAT(text(), Not(HasSubstr("keyfob_hits_total")));
}

TEST_F(MetricsTest, ANameKeepsItsKind) {
  metrics().count("keyfob_thing");
  metrics().gauge("keyfob_thing", 9);
  metrics().observe("keyfob_thing", seconds(1), "k=v");
  EXPECT_THAT(text(), HasSubstr("keyfob_thing 1\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_metrics_dropped_total 2\n"));
}

TEST_F(MetricsTest, ShortNamesAndBareWordsBecomePrometheusOwn) {
  metrics().count("exchanges", "done");
  metrics().count("flights", "committed");
  metrics().gauge("flights", 3);
  metrics().observe("exchange_duration", Milliseconds(250));
  EXPECT_THAT(text(), HasSubstr("# HELP keyfob_exchanges_total Answers of token endpoints by what they mean\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_exchanges_total{disposition=\"done\"} 1\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_flights_total{outcome=\"committed\"} 1\n"));
  EXPECT_THAT(text(), HasSubstr("\nkeyfob_flights 3\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_exchange_duration_seconds_sum 0.25\n"));
}

TEST_F(MetricsTest, OneSeriesHoweverItsNameAndLabelAreWritten) {
  metrics().count("exchanges", "done");
  metrics().count("keyfob_exchanges_total", "disposition=done", 2);
  EXPECT_THAT(text(), HasSubstr("keyfob_exchanges_total{disposition=\"done\"} 3\n"));
  EXPECT_THAT(text(), Not(HasSubstr("keyfob_exchanges_total{disposition=\"done\"} 1\n")));
}

TEST_F(MetricsTest, LabelValuesAreEscaped) {
  metrics().count("keyfob_hits_total", "k=a\"b\nc");
  EXPECT_THAT(text(), HasSubstr("keyfob_hits_total{k=\"a\\\"b\\nc\"} 1\n"));
}

TEST_F(MetricsTest, WhatAlarmsWatchIsThereBeforeItHappens) {
  start_at_zero(metrics());
  EXPECT_THAT(text(), HasSubstr("\nkeyfob_rotation_lost_total 0\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_store_errors_total{access=\"read\"} 0\n"));
  EXPECT_THAT(text(), HasSubstr("keyfob_store_errors_total{access=\"write\"} 0\n"));
  EXPECT_THAT(text(), Not(ContainsRegex("_dropped_total 0\nkeyfob_metrics_dropped_total")));
  metrics().count("rotation_lost");
  EXPECT_THAT(text(), HasSubstr("\nkeyfob_rotation_lost_total 1\n"));
}

TEST_F(MetricsTest, EventsAreCountedByNameAndPassedOn) {
  EventCounter counter(metrics());
  EventTee tee({&counter, &counter});
  tee.emit({.name = "grant.suspect"});
  EXPECT_THAT(text(), HasSubstr("keyfob_events_total{event=\"grant.suspect\"} 2\n"));
}

TEST(NullMetrics, TakesEverything) {
  NullMetrics null;
  Metrics& metrics = null;
  metrics.count("a");
  metrics.gauge("b", 1);
  metrics.observe("c", seconds(1));
}

}  // namespace
}  // namespace keyfob::telemetry
