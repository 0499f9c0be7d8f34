#include "engine/wakeup.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace keyfob::engine {

struct Wakeup::State {
  explicit State(const asio::any_io_executor& executor) : timer(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;  // never expires: cancelling it wakes whoever waits
};

namespace {

/// The signal must outlive the sleep that it cancels: both hold it.
Task<void> sleep_until_cancelled(Clock* clock, Milliseconds d, std::shared_ptr<asio::cancellation_signal> cancel) {
  co_await clock->sleep(d);
  (void)cancel;
}

}  // namespace

Wakeup::Wakeup(asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}

void Wakeup::notify() { state_->timer.cancel(); }

Task<bool> Wakeup::wait(std::function<bool()> ready, Clock& clock, Milliseconds limit) {
  if (ready()) co_return true;
  if (limit <= Milliseconds(0)) co_return false;
  const std::shared_ptr<State> state = state_;
  const auto ended = std::make_shared<bool>(false);
  const auto cancel = std::make_shared<asio::cancellation_signal>();
  auto on_end = [state, ended, cancel](const std::exception_ptr&) {
    *ended = true;
    state->timer.cancel();
  };
  asio::co_spawn(state->timer.get_executor(), sleep_until_cancelled(&clock, limit, cancel),
                 asio::bind_cancellation_slot(cancel->slot(), std::move(on_end)));
  while (!ready() && !*ended) {
    co_await state->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  const bool was_ready = ready();
  cancel->emit(asio::cancellation_type::terminal);
  co_return was_ready;
}

}  // namespace keyfob::engine
