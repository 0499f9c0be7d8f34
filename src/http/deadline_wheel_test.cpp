#include "http/deadline_wheel.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace keyfob::http {
namespace {

BootTime at(std::int64_t ms) { return BootTime(Milliseconds(ms)); }

struct Alarm final : Deadline {
  std::function<void()> action = [] {};
  int calls = 0;
  void on_deadline() override {
    ++calls;
    action();
  }
};

TEST(DeadlineWheel, calls_after_the_time_and_never_before) {
  DeadlineWheel wheel(at(1000));
  Alarm alarm;
  wheel.set(alarm, at(1550));
  wheel.advance(at(1550));
  EXPECT_EQ(alarm.calls, 0);
  wheel.advance(at(1549 + 2 * DeadlineWheel::kTick.count()));
  EXPECT_EQ(alarm.calls, 1);
  wheel.advance(at(100000));
  EXPECT_EQ(alarm.calls, 1);
}

TEST(DeadlineWheel, follows_a_deadline_that_is_moved_back_and_forth) {
  DeadlineWheel wheel(at(0));
  Alarm alarm;
  wheel.set(alarm, at(1000));
  wheel.set(alarm, at(20000));
  wheel.advance(at(5000));
  EXPECT_EQ(alarm.calls, 0);
  wheel.set(alarm, at(6000));
  wheel.advance(at(7000));
  EXPECT_EQ(alarm.calls, 1);
}

TEST(DeadlineWheel, reaches_beyond_its_span) {
  DeadlineWheel wheel(at(0));
  Alarm alarm;
  wheel.set(alarm, at(310'000));
  for (std::int64_t now = 0; now <= 310'000; now += 1000) wheel.advance(at(now));
  EXPECT_EQ(alarm.calls, 0);
  wheel.advance(at(310'300));
  EXPECT_EQ(alarm.calls, 1);
}

TEST(DeadlineWheel, forgets_what_was_cleared_or_destroyed) {
  DeadlineWheel wheel(at(0));
  Alarm cleared;
  wheel.set(cleared, at(100));
  {
    Alarm destroyed;
    wheel.set(destroyed, at(100));
  }
  DeadlineWheel::clear(cleared);
  wheel.advance(at(1000));
  EXPECT_EQ(cleared.calls, 0);
}

TEST(DeadlineWheel, lets_an_alarm_destroy_its_neighbour_and_set_itself_again) {
  DeadlineWheel wheel(at(0));
  Alarm first;
  auto second = std::make_unique<Alarm>();
  wheel.set(first, at(100));
  wheel.set(*second, at(100));
  first.action = [&] {
    if (first.calls == 1) wheel.set(first, at(1000));
    second.reset();
  };
  wheel.advance(at(500));
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(second, nullptr);
  wheel.advance(at(2000));
  EXPECT_EQ(first.calls, 2);
}

TEST(DeadlineWheel, says_how_long_nothing_can_happen) {
  DeadlineWheel wheel(at(0));
  EXPECT_LT(wheel.until_next(at(0)).count(), 0);
  Alarm alarm;
  wheel.set(alarm, at(5000));
  const Milliseconds wait = wheel.until_next(at(0));
  EXPECT_GE(wait.count(), 5000);
  EXPECT_LE(wait.count(), 5000 + DeadlineWheel::kTick.count());
  EXPECT_EQ(wheel.until_next(at(60'000)).count(), 0);
}

TEST(DeadlineWheel, agrees_with_a_plain_list_under_random_use) {
  std::mt19937 random(7);
  DeadlineWheel wheel(at(0));
  constexpr std::size_t kAlarms = 50;
  std::vector<Alarm> alarms(kAlarms);
  std::vector<std::int64_t> due(kAlarms, -1);
  std::int64_t now = 0;
  for (std::size_t i = 0; i < kAlarms; ++i) {
    alarms[i].action = [&, i] {
      EXPECT_GE(due[i], 0);
      EXPECT_LE(due[i], now);
      due[i] = -1;
    };
  }
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t i = random() % kAlarms;
    due[i] = now + static_cast<std::int64_t>(random() % 120'000);
    wheel.set(alarms[i], at(due[i]));
    now += static_cast<std::int64_t>(random() % 700);
    wheel.advance(at(now));
    for (const std::int64_t each : due) {
      if (each >= 0) {
        EXPECT_GT(each, now - 2 * DeadlineWheel::kTick.count());
      }
    }
  }
}

}  // namespace
}  // namespace keyfob::http
