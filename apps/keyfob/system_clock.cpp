#include "apps/keyfob/system_clock.hpp"

#include <algorithm>
#include <boost/asio.hpp>
#include <ctime>

namespace keyfob::node {
namespace {

constexpr Milliseconds kLongestWait = seconds(5);

Milliseconds read_clock(clockid_t id) {
  timespec t{};
  ::clock_gettime(id, &t);
  return std::chrono::duration_cast<Milliseconds>(seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

}  // namespace

WallTime SystemClock::wall() const { return WallTime(read_clock(CLOCK_REALTIME)); }

BootTime SystemClock::boot() const { return BootTime(read_clock(CLOCK_BOOTTIME)); }

Task<void> SystemClock::sleep(Milliseconds d) {
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  const BootTime end = boot() + d;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (Milliseconds left = d; left > Milliseconds(0); left = end - boot()) {
    // A wait on a state that is cancelled already would throw.
    if (cancellation.cancelled() != asio::cancellation_type::none) co_return;
    timer.expires_after(std::min(left, kLongestWait));
    boost::system::error_code failure;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return;
  }
}

}  // namespace keyfob::node
