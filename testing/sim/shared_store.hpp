#pragma once
// SharedStore: the one database of a simulated world: a MemoryStore that lives apart from every node, can be looked at
// by whoever checks, and can fall back to an earlier state as an asynchronous failover does.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "store/memory/memory_store.hpp"
#include "testing/sim/timeline.hpp"

namespace keyfob::simulated {

class SharedStore {
 public:
  explicit SharedStore(const Timeline& time)
      : time_(time), clock_(time), store_(std::make_unique<MemoryStore>(clock_)) {}

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
  [[nodiscard]] bool replica_lags() const { return replica_ != nullptr; }
  /// The replica takes over: what was committed since remember() is gone. False: consents would be, so it had received
  /// everything after all.
  bool fall_back();
  /// Another takes over, with everything that was committed.
  void take_over() { ++era_; }
  /// How often somebody took over.
  [[nodiscard]] int era() const { return era_; }
  /// When acknowledged commits were lost.
  [[nodiscard]] const std::vector<BootTime>& failovers() const { return failovers_; }
  /// Between the two.
  [[nodiscard]] bool fell_back(BootTime from, BootTime to) const;

 private:
  [[nodiscard]] bool same_consents();

  const Timeline& time_;
  StoreClock clock_;
  asio::io_context context_{1};
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<MemoryStore> replica_;
  std::vector<BootTime> failovers_;
  int era_ = 0;
};

}  // namespace keyfob::simulated
