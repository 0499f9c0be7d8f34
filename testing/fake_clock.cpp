#include "testing/fake_clock.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace keyfob::testing {
namespace {

using Sleepers = std::multimap<BootTime, asio::steady_timer*>;

/// A place among the sleepers that is given up with the coroutine's frame, also when a crashed node's frames are
/// destroyed.
class Bed {
 public:
  Bed(Sleepers& sleepers, BootTime until, asio::steady_timer& timer) : sleepers_(sleepers), timer_(timer) {
    sleepers_.emplace(until, &timer);
  }
  ~Bed() {
    std::erase_if(sleepers_, [this](const auto& entry) { return entry.second == &timer_; });
  }
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;

 private:
  Sleepers& sleepers_;
  asio::steady_timer& timer_;
};

}  // namespace

Task<void> FakeClock::sleep(Milliseconds d) {
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  const Bed bed(sleepers_, boot_ + d, timer);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

void FakeClock::advance(Milliseconds d) {
  wall_ += d;
  boot_ += d;
  while (!sleepers_.empty() && sleepers_.begin()->first <= boot_) {
    asio::steady_timer* timer = sleepers_.begin()->second;
    sleepers_.erase(sleepers_.begin());
    timer->cancel();
  }
}

std::optional<BootTime> FakeClock::next_wake() const {
  if (sleepers_.empty()) return std::nullopt;
  return sleepers_.begin()->first;
}

}  // namespace keyfob::testing
