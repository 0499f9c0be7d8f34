#include "testing/sim/timeline.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace keyfob::simulated {
namespace {

/// A sleeper's place on the timeline, given up with the coroutine's frame: also when a crash destroys that.
class Bed {
 public:
  Bed(Timeline& time, Milliseconds d, asio::steady_timer& timer, bool& ready) : time_(time) {
    moment_ = time_.after(d, [&timer, &ready] {
      timer.cancel();
      ready = true;
    });
  }
  ~Bed() { time_.cancel(moment_); }
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;

 private:
  Timeline& time_;
  Timeline::Moment moment_;
};

}  // namespace

Timeline::Moment Timeline::after(Milliseconds d, std::move_only_function<void()> what) {
  const Moment moment{now_ + std::max(d, Milliseconds(0)), dice_.next()};
  events_.emplace(moment, std::move(what));
  return moment;
}

bool Timeline::next() {
  if (events_.empty()) return false;
  auto event = events_.extract(events_.begin());
  now_ = event.key().at;
  event.mapped()();
  return true;
}

Task<void> NodeClock::sleep(Milliseconds d) {
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  const Bed bed(time_, d, timer, ready_);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace keyfob::simulated
