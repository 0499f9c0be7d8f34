#include "console/history.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace keyfob::console {
namespace {

constexpr std::string_view kMetrics =
    "# HELP keyfob_refreshes_total Pairs replaced in the store\n"
    "# TYPE keyfob_refreshes_total counter\n"
    "keyfob_refreshes_total{outcome=\"committed\"} 7\n"
    "keyfob_exchanges_total{disposition=\"done\"} 7\n"
    "keyfob_exchanges_total{disposition=\"refused\"} 2\n"
    "keyfob_exchanges_total{disposition=\"throttled\"} 1\n"
    "keyfob_commit_failures_total 3\n"
    "keyfob_gateway_passed_total{outcome=\"whole\"} 40\n"
    "keyfob_gateway_passed_total{outcome=\"cut\"} 2\n"
    "keyfob_due_grants 11\n"
    "keyfob_keep_alive_lag_seconds 1.5\n"
    "keyfob_exchange_duration_seconds_bucket{le=\"0.1\"} 5\n"
    "keyfob_exchange_duration_seconds_bucket{le=\"0.25\"} 9\n"
    "keyfob_exchange_duration_seconds_bucket{le=\"+Inf\"} 10\n"
    "keyfob_something_else{app=\"keyfob_refreshes_total 99\"} 5\n"
    "broken line\n"
    "keyfob_due_grants\n";

TEST(ReadTotals, takes_what_the_charts_show_out_of_the_metrics) {
  const Totals totals = read_totals(kMetrics);
  EXPECT_EQ(totals.refreshed, 7);
  EXPECT_EQ(totals.failed, (std::map<std::string, double>{{"refused", 2}, {"store", 3}, {"throttled", 1}}));
  EXPECT_EQ(totals.calls, 42);
  EXPECT_EQ(totals.due, 11);
  EXPECT_EQ(totals.lag, 1.5);
  EXPECT_EQ(totals.buckets.size(), 3U);
}

TEST(ReadTotals, of_nothing_is_nothing) { EXPECT_EQ(read_totals("").refreshed, 0); }

TEST(Quantile, lies_between_the_bounds_in_proportion) {
  const auto buckets = read_totals(kMetrics).buckets;
  EXPECT_DOUBLE_EQ(quantile(buckets, 0.5), 0.1);
  EXPECT_DOUBLE_EQ(quantile(buckets, 0.7), 0.1 + 0.15 * 0.5);
  EXPECT_DOUBLE_EQ(quantile(buckets, 0.99), 0.25);  // beyond the last bound nothing is known but that
  EXPECT_LT(quantile({}, 0.5), 0);
  EXPECT_LT(quantile({{0.1, 0.0}}, 0.5), 0);
}

Totals refreshed(double count) {
  Totals totals;
  totals.refreshed = count;
  return totals;
}

WallTime minute(int n) { return from_unix_ms(1'767'225'600'000) + minutes(n); }

boost::json::object shown(const History& history, WallTime now, const Totals& totals, std::size_t count) {
  return boost::json::parse(history.json(now, totals, count)).as_object();
}

std::vector<int> numbers(const boost::json::value& column) {
  std::vector<int> out;
  for (const auto& value : column.as_array()) out.push_back(value.to_number<int>());
  return out;
}

TEST(HistoryTest, shows_what_each_minute_added_and_the_one_under_way) {
  History history(minute(0));
  history.add(minute(1), refreshed(3));
  history.add(minute(2), refreshed(10));
  const auto seen = shown(history, minute(2) + seconds(20), refreshed(11), 60);
  EXPECT_THAT(numbers(seen.at("refreshed")), ::testing::ElementsAre(3, 7, 1));
  EXPECT_EQ(seen.at("since").as_string(), to_rfc3339(minute(0)));
  EXPECT_EQ(seen.at("at").as_array().size(), 3U);
  EXPECT_TRUE(seen.at("p50").as_array()[0].is_null());
}

TEST(HistoryTest, shows_as_many_minutes_as_were_asked_for) {
  History history(minute(0));
  for (int i = 1; i <= 10; ++i) history.add(minute(i), refreshed(i * i));
  EXPECT_THAT(numbers(shown(history, minute(10), refreshed(100), 3).at("refreshed")),
              ::testing::ElementsAre(17, 19, 0));
  EXPECT_THAT(numbers(shown(history, minute(10), refreshed(100), 0).at("refreshed")), ::testing::ElementsAre(0));
}

TEST(HistoryTest, keeps_a_day) {
  History history(minute(0));
  for (int i = 1; i <= 2000; ++i) history.add(minute(i), refreshed(i));
  EXPECT_EQ(shown(history, minute(2000), refreshed(2000), 5000).at("at").as_array().size(), History::kMinutes + 1);
}

TEST(HistoryTest, a_class_of_failure_that_appears_late_was_0_before) {
  History history(minute(0));
  history.add(minute(1), {});
  Totals later;
  later.failed["refused"] = 4;
  EXPECT_THAT(numbers(shown(history, minute(2), later, 60).at("failed").as_object().at("refused")),
              ::testing::ElementsAre(0, 4));
}

}  // namespace
}  // namespace keyfob::console
