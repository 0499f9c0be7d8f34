#pragma once
// SharedStore: the one database of a simulated world: a MemoryStore that lives apart from every node, can be looked at
// by whoever checks, and can fall back to an earlier state as an asynchronous failover does.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "store/memory/memory_store.hpp"
#include "testing/sim/timeline.hpp"

namespace keyfob::simulated {

class SharedStore {
 public:
  explicit SharedStore(const Timeline& time) : clock_(time), store_(std::make_unique<MemoryStore>(clock_)) {}

  /// The store as it is now; gone after fall_back().
  [[nodiscard]] MemoryStore& now() { return *store_; }
  /// Runs one of its tasks to the end: it never waits for anything.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    auto take = [&result](const std::exception_ptr& e, T value) {
      if (e) std::rethrow_exception(e);
      result.emplace(std::move(value));
    };
    asio::co_spawn(context_, std::move(task), take);
    context_.restart();
    context_.poll();
    return std::move(*result);
  }
  [[nodiscard]] std::optional<GrantRecord> look(const GrantRef& ref);
  [[nodiscard]] std::vector<GrantRecord> all();

  /// What a replica has seen by now.
  void remember() { replica_ = std::make_unique<MemoryStore>(*store_); }
  /// The replica takes over: what was committed since remember() is gone.
  void fall_back();
  [[nodiscard]] bool replica_lags() const { return replica_ != nullptr; }
  [[nodiscard]] int failovers() const { return failovers_; }

 private:
  StoreClock clock_;
  asio::io_context context_{1};
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<MemoryStore> replica_;
  int failovers_ = 0;
};

}  // namespace keyfob::simulated
