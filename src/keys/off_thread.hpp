#pragma once
// off_thread: a blocking call (a program, a PKCS#11 module) that must not hold up an executor, and may never come back.

#include <atomic>
#include <functional>
#include <memory>

#include "base/result.hpp"
#include "base/time.hpp"
#include "ports/async.hpp"

namespace keyfob::keys {

/// Whether the work has ended, looked at now and then; at most `limit`. False: it goes on by itself.
using Finished = std::function<bool()>;
[[nodiscard]] Task<bool> wait_for(Finished finished, Milliseconds limit);
[[nodiscard]] bool wait_for_here(const Finished& finished, Milliseconds limit);

/// Runs on a thread of its own. What it captures must be its own, since it may outlive whoever started it.
void start_thread(std::function<void()> work);

template <class T>
class Answer {
 public:
  explicit Answer(std::function<Result<T>()> work) {
    start_thread([state = state_, work = std::move(work)] {
      state->result = std::make_unique<Result<T>>(work());
      state->done.store(true, std::memory_order_release);
    });
  }
  [[nodiscard]] Finished finished() const {
    return [state = state_] { return state->done.load(std::memory_order_acquire); };
  }
  [[nodiscard]] Result<T> take() const { return std::move(*state_->result); }

 private:
  struct State {
    std::atomic<bool> done = false;
    std::unique_ptr<Result<T>> result;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

[[nodiscard]] std::unexpected<Error> took_too_long(Milliseconds limit);

/// unavailable when the work takes longer than `limit`.
template <class T>
Task<Result<T>> off_thread(std::function<Result<T>()> work, Milliseconds limit) {
  const Answer<T> answer(std::move(work));
  const bool ended = co_await wait_for(answer.finished(), limit);
  if (!ended) co_return took_too_long(limit);
  co_return answer.take();
}

/// The same, blocking: for opening a provider.
template <class T>
Result<T> with_limit(std::function<Result<T>()> work, Milliseconds limit) {
  const Answer<T> answer(std::move(work));
  if (!wait_for_here(answer.finished(), limit)) return took_too_long(limit);
  return answer.take();
}

}  // namespace keyfob::keys
