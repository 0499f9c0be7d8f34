#pragma once
// The threads of a SqliteStore: one writer with group commit, and readers beside it.
//
// The writer runs all that has gathered in one transaction and reports success only after COMMIT. If a job fails in the
// middle, the transaction is rolled back and each job is run again in one of its own, so that one failure harms nobody
// else: jobs must bear being run again.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "ports/store_timing.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/mirroring.hpp"

namespace keyfob::sqlite {

class Job {
 public:
  virtual ~Job() = default;
  /// Leaves failures in the connection.
  virtual void run(Connection& connection) = 0;
  /// Called once, last: delivers what run() found, or the failure.
  virtual void finish(std::optional<Error> failure) = 0;
  /// False: runs before the transaction, on the same connection.
  [[nodiscard]] virtual bool in_transaction() const { return true; }
};

/// Jobs that wait. Any thread.
class JobQueue {
 public:
  /// After close() the job is finished as unavailable, on the calling thread.
  void push(std::unique_ptr<Job> job);
  /// Blocks for work; at most `most` jobs in the order they came. Empty: closed and drained.
  [[nodiscard]] std::vector<std::unique_ptr<Job>> take(std::size_t most);
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool closed_ = false;
};

/// Destruction finishes what was pushed.
class Writer {
 public:
  /// `mirroring` (of that connection) and `metrics` may be null; metrics outlive this.
  explicit Writer(std::unique_ptr<Connection> connection, std::unique_ptr<Mirroring> mirroring = nullptr,
                  Metrics* metrics = nullptr);
  ~Writer();
  void push(std::unique_ptr<Job> job) { queue_.push(std::move(job)); }
  [[nodiscard]] StoreTiming timing() const { return {metrics_, StoreAccess::write}; }

 private:
  using Jobs = std::vector<std::unique_ptr<Job>>;
  void work();
  void run_outside(Jobs& jobs);
  void run_together(Jobs jobs);
  void run_alone(std::unique_ptr<Job> job);

  Metrics* metrics_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Mirroring> mirroring_;  // before the connection goes
  JobQueue queue_;
  std::thread thread_;
};

class Readers {
 public:
  explicit Readers(std::vector<std::unique_ptr<Connection>> connections, Metrics* metrics = nullptr);
  ~Readers();
  void push(std::unique_ptr<Job> job) { queue_.push(std::move(job)); }
  [[nodiscard]] StoreTiming timing() const { return {metrics_, StoreAccess::read}; }

 private:
  void work(Connection& connection);

  Metrics* metrics_;
  std::vector<std::unique_ptr<Connection>> connections_;
  JobQueue queue_;
  std::vector<std::thread> threads_;
};

}  // namespace keyfob::sqlite
