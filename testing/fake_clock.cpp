#include "testing/fake_clock.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace keyfob::testing {

Task<void> FakeClock::sleep(Milliseconds d) {
  auto timer = std::make_shared<asio::steady_timer>(context_, asio::steady_timer::time_point::max());
  sleepers_.emplace(boot_ + d, timer);
  co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  for (auto it = sleepers_.begin(); it != sleepers_.end(); ++it) {
    if (it->second == timer) {
      sleepers_.erase(it);
      break;
    }
  }
}

void FakeClock::advance(Milliseconds d) {
  wall_ += d;
  boot_ += d;
  while (!sleepers_.empty() && sleepers_.begin()->first <= boot_) {
    const auto timer = sleepers_.begin()->second;
    sleepers_.erase(sleepers_.begin());
    timer->cancel();
  }
}

std::optional<BootTime> FakeClock::next_wake() const {
  if (sleepers_.empty()) return std::nullopt;
  return sleepers_.begin()->first;
}

}  // namespace keyfob::testing
