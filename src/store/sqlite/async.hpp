#pragma once
// submit(): hands a function to a worker thread and awaits its answer. Completes on the awaiting coroutine's executor;
// cancellation is ignored once the job is queued. Private to store/sqlite.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "ports/async.hpp"
#include "store/sqlite/workers.hpp"

namespace keyfob::sqlite {

enum class Transaction : std::uint8_t { needed, not_needed };

template <class Answer, class Function, class Handler>
class AwaitedJob final : public Job {
 public:
  AwaitedJob(Function function, Handler handler, Transaction transaction)
      : function_(std::move(function)),
        executor_(asio::prefer(asio::any_io_executor(asio::get_associated_executor(handler)),
                               asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)),
        transaction_(transaction) {}

  void run(Connection& connection) override { answer_.emplace(function_(connection)); }

  void finish(std::optional<Error> failure) override {
    if (failure) answer_.emplace(std::unexpected<Error>(std::move(*failure)));
    auto executor = std::move(executor_);
    auto deliver = [handler = std::move(handler_), answer = std::move(*answer_)]() mutable {
      std::move(handler)(std::move(answer));
    };
    asio::post(executor, std::move(deliver));
  }

  [[nodiscard]] bool in_transaction() const override { return transaction_ == Transaction::needed; }

 private:
  Function function_;
  asio::any_io_executor executor_;  // keeps the executor's context running until the answer is delivered
  Handler handler_;
  std::optional<Answer> answer_;
  Transaction transaction_;
};

/// Answer is a Result<T>; function is called as function(Connection&), perhaps more than once.
template <class Answer, class Workers, class Function>
Task<Answer> submit(Workers& workers, Function function, Transaction transaction = Transaction::needed) {
  auto initiate = [&workers, transaction](auto handler, Function work) {
    using Handler = decltype(handler);
    workers.push(
        std::make_unique<AwaitedJob<Answer, Function, Handler>>(std::move(work), std::move(handler), transaction));
  };
  const StoreTiming timing = workers.timing();
  auto answer = co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Answer)>(
      initiate, asio::use_awaitable, std::move(function));
  timing.ended(answer);
  co_return answer;
}

}  // namespace keyfob::sqlite
