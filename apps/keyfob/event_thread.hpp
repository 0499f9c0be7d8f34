#pragma once
// EventThread: one thread that runs one io_context, and the way to run a coroutine there and wait for it.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>
#include <utility>

#include "ports/async.hpp"

namespace keyfob::node {

/// The context outlives the thread; its executor stays valid as long as the object.
class EventThread {
 public:
  EventThread() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {}
  ~EventThread() { close(); }
  EventThread(const EventThread&) = delete;
  EventThread& operator=(const EventThread&) = delete;

  [[nodiscard]] asio::any_io_executor executor() { return context_.get_executor(); }

  /// Runs `task` on the thread and waits for it. Never from the thread itself. Passes exceptions on.
  template <class T>
  T wait_for(Task<T> task) {
    return asio::co_spawn(context_.get_executor(), std::move(task), asio::use_future).get();
  }
  /// Ends the thread after the handler that it is in. Idempotent.
  void stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }
  /// stop(), then destroys every coroutine that still waits here, while what it refers to is alive.
  void close() {
    stop();
    context_.shutdown();
  }

 private:
  struct Context final : asio::io_context {
    Context() : asio::io_context(1) {}
    using asio::io_context::shutdown;
  };
  Context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace keyfob::node
