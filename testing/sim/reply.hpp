#pragma once
// Reply: the answer that a coroutine of a node waits for, while whoever gives it lives elsewhere and does not care
// whether the node still exists.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "ports/async.hpp"

namespace keyfob::simulated {

template <class T>
class Reply {
 public:
  /// `ready` is set when the answer is there; it outlives every reply.
  explicit Reply(bool& ready) : ready_(ready) {}

  /// Only the first answer counts. Nobody waits any more: it is lost.
  void give(T value) {
    if (value_) return;
    value_.emplace(std::move(value));
    if (timer_ != nullptr) timer_->cancel();
    ready_ = true;
  }
  /// Somebody still wants it.
  [[nodiscard]] bool wanted() const { return timer_ != nullptr && !value_; }

  /// It was answered in another way before.
  [[nodiscard]] bool over() const { return value_.has_value(); }

  static Task<T> wait(std::shared_ptr<Reply> self) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    const Waiter waiter(*self, timer);
    while (!self->value_) co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return std::move(*self->value_);
  }

 private:
  struct Waiter {
    Waiter(Reply& r, asio::steady_timer& timer) : reply(r) { reply.timer_ = &timer; }
    ~Waiter() { reply.timer_ = nullptr; }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    Reply& reply;
  };

  bool& ready_;
  asio::steady_timer* timer_ = nullptr;
  std::optional<T> value_;
};

}  // namespace keyfob::simulated
