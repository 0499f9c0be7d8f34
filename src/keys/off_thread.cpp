#include "keys/off_thread.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

namespace keyfob::keys {
namespace {

constexpr Milliseconds kFirstLook = Milliseconds(1);
constexpr Milliseconds kLongestNap = Milliseconds(20);

}  // namespace

/// Looking is all that reaches across threads: whatever waits here may be gone before the work ends.
Task<bool> wait_for(Finished finished, Milliseconds limit) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  Milliseconds waited{};
  for (Milliseconds nap = kFirstLook; !finished(); nap = std::min(nap * 2, kLongestNap)) {
    if (waited >= limit) co_return false;
    timer.expires_after(nap);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    waited += nap;
  }
  co_return true;
}

bool wait_for_here(const Finished& finished, Milliseconds limit) {
  Milliseconds waited{};
  for (Milliseconds nap = kFirstLook; !finished(); nap = std::min(nap * 2, kLongestNap)) {
    if (waited >= limit) return false;
    std::this_thread::sleep_for(nap);
    waited += nap;
  }
  return true;
}

void start_thread(std::function<void()> work) { std::thread(std::move(work)).detach(); }

std::unexpected<Error> took_too_long(Milliseconds limit) {
  return fail(ErrorCode::unavailable,
              "the provider of the master key did not answer within " + std::to_string(limit.count()) + " ms",
              "see whether it can be reached from this machine");
}

}  // namespace keyfob::keys
