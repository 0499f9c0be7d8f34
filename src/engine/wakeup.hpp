#pragma once
// Wakeup, Mailbox and within(): how coroutines of the engine wait for each other. One executor only; a wait ends by
// notify or by the Clock port's time, so a simulated clock drives it, too.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "ports/clock.hpp"

namespace keyfob::engine {

/// A condition that coroutines wait for. Cheap to notify when nobody waits.
class Wakeup {
 public:
  explicit Wakeup(asio::any_io_executor executor);
  void notify();
  /// Until `ready` answers true or `limit` has passed; answers whether it is ready. The Wakeup must outlive the wait.
  Task<bool> wait(std::function<bool()> ready, Clock& clock, Milliseconds limit);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// A queue with one reader.
template <class T>
class Mailbox {
 public:
  explicit Mailbox(asio::any_io_executor executor) : wakeup_(std::move(executor)) {}
  void post(T item) {
    items_.push_back(std::move(item));
    wakeup_.notify();
  }
  /// Ends the wait that goes on, if one does, as if its limit had passed.
  void nudge() {
    nudged_ = true;
    wakeup_.notify();
  }
  /// The next item, or nothing when `limit` has passed first.
  Task<std::optional<T>> next(Clock& clock, Milliseconds limit) {
    nudged_ = false;
    std::function<bool()> ready = [this] { return nudged_ || !items_.empty(); };
    const bool got = co_await wakeup_.wait(std::move(ready), clock, limit);
    if (!got || items_.empty()) co_return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    co_return item;
  }

 private:
  std::deque<T> items_;
  bool nudged_ = false;
  Wakeup wakeup_;
};

/// What `work` answers, or nothing when `limit` has passed first; it goes on then, and its answer is lost.
template <class T>
Task<std::optional<T>> within(asio::any_io_executor executor, Task<T> work, Clock& clock, Milliseconds limit) {
  struct Shared {
    explicit Shared(const asio::any_io_executor& executor) : done(executor) {}
    std::optional<T> answer{};
    Wakeup done;
  };
  const auto shared = std::make_shared<Shared>(executor);
  auto run = [](std::shared_ptr<Shared> into, Task<T> what) -> Task<void> {
    into->answer.emplace(co_await std::move(what));
    into->done.notify();
  };
  asio::co_spawn(executor, run(shared, std::move(work)), asio::detached);
  std::function<bool()> ready = [shared] { return shared->answer.has_value(); };
  co_await shared->done.wait(std::move(ready), clock, limit);
  co_return std::move(shared->answer);
}

}  // namespace keyfob::engine
