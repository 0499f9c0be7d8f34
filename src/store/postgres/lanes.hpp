#pragma once
// Lanes: the threads of a PostgresStore, each with a connection of its own, fed from one queue.
//
// A lane runs what has gathered in one transaction: one round trip, one wait for the disk, whoever asked. Rows for the
// same statement even become one statement (batch.hpp), in a transaction without others. If the server refuses it, each
// job is run again in a transaction of its own, so that one failure harms nobody else: jobs must bear being run again.
// Jobs come in the order of their keys, so that two nodes lock rows in the same order.
//
// A lane without a connection leaves the work to the others, and when none has one, fails it at once: callers know best
// what they can do without the store.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "ports/store_timing.hpp"
#include "store/postgres/session.hpp"

namespace keyfob::postgres {

class Job {
 public:
  virtual ~Job() = default;
  /// The statements; the same each time, alive until finish(). Empty: run() talks to the session itself.
  [[nodiscard]] virtual std::span<const Call> calls() const = 0;
  /// Not null: calls() is one, and its arguments are one row for a statement that takes many; see batch.hpp.
  [[nodiscard]] virtual const Arguments* common() const = 0;
  /// What the statements answered, one each. Not yet committed.
  virtual void answered(std::span<Rows> rows) = 0;
  /// In a transaction of its own; a failure is how it ends. Only for jobs without calls().
  virtual Outcome run(Session& session) = 0;
  /// Called once, last: delivers what answered() or run() found, or the failure.
  virtual void finish(std::optional<Error> failure) = 0;
  /// What it locks first.
  [[nodiscard]] virtual std::string_view key() const = 0;
  /// Once it is committed, other nodes have something to learn.
  [[nodiscard]] virtual bool is_news() const = 0;
};
using Jobs = std::vector<std::unique_ptr<Job>>;

/// Jobs that wait. Any thread.
class JobQueue {
 public:
  /// After close() the job is finished as unavailable, on the calling thread.
  void push(std::unique_ptr<Job> job);
  /// Blocks for work. False: closed and drained.
  [[nodiscard]] bool wait();
  /// Everybody who blocks in wait() looks again.
  void wake_all();
  /// Blocks for `d`, or until close().
  void pause(Milliseconds d);
  /// The job that came first and, at most `most` in all, those behind it that can go in one transaction with it.
  [[nodiscard]] Jobs take(std::size_t most);
  [[nodiscard]] Jobs take_all();
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable closing_;
  std::list<std::unique_ptr<Job>> jobs_;
  bool closed_ = false;
};

struct LaneOptions {
  unsigned lanes = 2;
  bool only_reads = false;       ///< running a job twice does no harm, so a lost answer is no unknown outcome
  std::function<void()> news{};  ///< called on a lane's thread after a commit with something for other nodes in it
  Metrics* metrics = nullptr;    ///< outlives the lanes; null: nobody wants to know
};

/// Destruction finishes what was pushed.
class Lanes {
 public:
  /// `first`: a connection that is open already; may be null.
  Lanes(Settings settings, LaneOptions options, std::unique_ptr<Session> first);
  ~Lanes();
  void push(std::unique_ptr<Job> job) { queue_.push(std::move(job)); }
  [[nodiscard]] StoreTiming timing() const {
    return {options_.metrics, options_.only_reads ? StoreAccess::read : StoreAccess::write};
  }

 private:
  class Lane;
  Settings settings_;
  LaneOptions options_;
  JobQueue queue_;
  std::atomic<unsigned> connected_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace keyfob::postgres
