#pragma once
// ask() and talk(): hand statements, or a dialogue, to a lane and await the answer. Completes on the awaiting
// coroutine's executor; cancellation is ignored once the job is queued. Private to store/postgres.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/async.hpp"
#include "store/postgres/dialogue.hpp"
#include "store/postgres/lanes.hpp"

namespace keyfob::postgres {

/// What to ask, and who is asked first about locks: calls with the same key come one after the other.
struct Question {
  std::string key{};
  std::vector<Call> calls{};
  bool news = false;                  ///< other nodes have to learn of it
  std::optional<Arguments> common{};  ///< there is one call, and its arguments are a row; see batch.hpp
};

/// Whether a dialogue changes something that other nodes remember.
enum class News : std::uint8_t { yes, no };

/// Delivers an Answer, which is a Result<T>, to whoever awaits it.
template <class Answer, class Handler>
class AwaitedJob : public Job {
 public:
  AwaitedJob(Handler handler, std::string key)
      : key_(std::move(key)),
        executor_(asio::prefer(asio::any_io_executor(asio::get_associated_executor(handler)),
                               asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)) {}

  void finish(std::optional<Error> failure) override {
    if (failure) answer_.emplace(std::unexpected<Error>(std::move(*failure)));
    auto executor = std::move(executor_);
    auto deliver = [handler = std::move(handler_), answer = std::move(*answer_)]() mutable {
      std::move(handler)(std::move(answer));
    };
    asio::post(executor, std::move(deliver));
  }
  [[nodiscard]] std::string_view key() const override { return key_; }

 protected:
  std::optional<Answer> answer_;

 private:
  std::string key_;
  asio::any_io_executor executor_;  // keeps the executor's context running until the answer is delivered
  Handler handler_;
};

template <class Answer, class Handler, class Decode>
class StatementsJob final : public AwaitedJob<Answer, Handler> {
 public:
  StatementsJob(Handler handler, Question question, Decode decode)
      : AwaitedJob<Answer, Handler>(std::move(handler), std::move(question.key)),
        calls_(std::move(question.calls)),
        news_(question.news),
        common_(std::move(question.common)),
        decode_(std::move(decode)) {}
  [[nodiscard]] std::span<const Call> calls() const override { return calls_; }
  [[nodiscard]] const Arguments* common() const override { return common_ ? &*common_ : nullptr; }
  void answered(std::span<Rows> rows) override { this->answer_.emplace(decode_(rows)); }
  Outcome run(Session&) override { return {}; }
  [[nodiscard]] bool is_news() const override { return news_; }

 private:
  std::vector<Call> calls_;
  bool news_;
  std::optional<Arguments> common_;
  Decode decode_;
};

/// What nobody waits for, and what may fail.
class UnwatchedJob final : public Job {
 public:
  explicit UnwatchedJob(Call call) : call_(std::move(call)) {}
  [[nodiscard]] std::span<const Call> calls() const override { return {&call_, 1}; }
  [[nodiscard]] const Arguments* common() const override { return nullptr; }
  void answered(std::span<Rows>) override {}
  Outcome run(Session&) override { return {}; }
  void finish(std::optional<Error>) override {}
  [[nodiscard]] std::string_view key() const override { return {}; }
  [[nodiscard]] bool is_news() const override { return false; }

 private:
  Call call_;
};

template <class Answer, class Handler, class Body>
class DialogueJob final : public AwaitedJob<Answer, Handler> {
 public:
  DialogueJob(Handler handler, Body body, News news)
      : AwaitedJob<Answer, Handler>(std::move(handler), {}), body_(std::move(body)), news_(news) {}
  [[nodiscard]] std::span<const Call> calls() const override { return {}; }
  [[nodiscard]] const Arguments* common() const override { return nullptr; }
  void answered(std::span<Rows>) override {}
  Outcome run(Session& session) override {
    Dialogue dialogue(session);
    this->answer_.emplace(body_(dialogue));
    return dialogue.end(this->answer_->has_value());
  }
  [[nodiscard]] bool is_news() const override { return news_ == News::yes; }

 private:
  Body body_;
  News news_;
};

/// Answer is a Result<T>; decode is called as decode(std::span<Rows>), one Rows per call, perhaps more than once.
template <class Answer, class Decode>
Task<Answer> ask(Lanes& lanes, Question question, Decode decode) {
  auto initiate = [&lanes](auto handler, Question asked, Decode reading) {
    using Made = StatementsJob<Answer, decltype(handler), Decode>;
    lanes.push(std::make_unique<Made>(std::move(handler), std::move(asked), std::move(reading)));
  };
  const StoreTiming timing = lanes.timing();
  auto answer = co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Answer)>(
      initiate, asio::use_awaitable, std::move(question), std::move(decode));
  timing.ended(answer);
  co_return answer;
}

/// `body` is called as body(Dialogue&) and answers a Result<T>, perhaps more than once. An error rolls back.
template <class Answer, class Body>
Task<Answer> talk(Lanes& lanes, Body body, News news = News::yes) {
  auto initiate = [&lanes, news](auto handler, Body work) {
    using Made = DialogueJob<Answer, decltype(handler), Body>;
    lanes.push(std::make_unique<Made>(std::move(handler), std::move(work), news));
  };
  const StoreTiming timing = lanes.timing();
  auto answer = co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Answer)>(
      initiate, asio::use_awaitable, std::move(body));
  timing.ended(answer);
  co_return answer;
}

}  // namespace keyfob::postgres
