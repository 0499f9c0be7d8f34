#include "store/sqlite/workers.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace keyfob::sqlite {
namespace {

constexpr std::size_t kLargestGroup = 256;
constexpr char kBegin[] = "BEGIN IMMEDIATE";
constexpr char kCommit[] = "COMMIT";
constexpr char kRollback[] = "ROLLBACK";

/// Runs `body` between BEGIN and COMMIT. Returns what went wrong, with nothing left open.
template <class Body>
std::optional<Error> transaction(Connection& connection, Mirroring* mirroring, Body body) {
  connection.query(kBegin).run();
  body();
  if (mirroring != nullptr && !connection.failed())
    if (auto published = mirroring->publish(); !published) connection.record_failure(std::move(published.error()));
  connection.query(kCommit).run();
  auto failure = connection.take_failure();
  if (connection.in_transaction()) {
    connection.query(kRollback).run();
    static_cast<void>(connection.take_failure());
  }
  if (mirroring != nullptr) mirroring->settle(!failure);
  return failure;
}

}  // namespace

void JobQueue::push(std::unique_ptr<Job> job) {
  {
    const std::scoped_lock lock(mutex_);
    if (!closed_) {
      jobs_.push_back(std::move(job));
      arrived_.notify_one();
      return;
    }
  }
  job->finish(Error{ErrorCode::unavailable, "the store is closed", {}, {}});
}

std::vector<std::unique_ptr<Job>> JobQueue::take(std::size_t most) {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
  const auto end = jobs_.begin() + static_cast<std::ptrdiff_t>(std::min(most, jobs_.size()));
  std::vector<std::unique_ptr<Job>> taken(std::make_move_iterator(jobs_.begin()), std::make_move_iterator(end));
  jobs_.erase(jobs_.begin(), end);
  return taken;
}

void JobQueue::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  arrived_.notify_all();
}

Writer::Writer(std::unique_ptr<Connection> connection, std::unique_ptr<Mirroring> mirroring, Metrics* metrics)
    : metrics_(metrics),
      connection_(std::move(connection)),
      mirroring_(std::move(mirroring)),
      thread_([this] { work(); }) {}

Writer::~Writer() {
  queue_.close();
  thread_.join();
}

void Writer::work() {
  for (auto jobs = queue_.take(kLargestGroup); !jobs.empty(); jobs = queue_.take(kLargestGroup)) {
    run_outside(jobs);
    if (!jobs.empty()) run_together(std::move(jobs));
  }
}

void Writer::run_outside(Jobs& jobs) {
  for (auto& job : jobs) {
    if (job->in_transaction()) continue;
    job->run(*connection_);
    job->finish(connection_->take_failure());
    job.reset();
  }
  std::erase(jobs, nullptr);
}

void Writer::run_together(Jobs jobs) {
  bool failed_in_the_middle = false;
  auto failure = transaction(*connection_, mirroring_.get(), [&] {
    const bool begun = !connection_->failed();
    for (auto& job : jobs) job->run(*connection_);
    failed_in_the_middle = begun && connection_->failed();
  });
  if (failed_in_the_middle && jobs.size() > 1) {
    for (auto& job : jobs) run_alone(std::move(job));
    return;
  }
  for (auto& job : jobs) job->finish(failure);
}

void Writer::run_alone(std::unique_ptr<Job> job) {
  auto failure = transaction(*connection_, mirroring_.get(), [&] { job->run(*connection_); });
  job->finish(std::move(failure));
}

Readers::Readers(std::vector<std::unique_ptr<Connection>> connections, Metrics* metrics)
    : metrics_(metrics), connections_(std::move(connections)) {
  for (auto& connection : connections_) {
    threads_.emplace_back([this, &connection] { work(*connection); });
  }
}

Readers::~Readers() {
  queue_.close();
  for (auto& thread : threads_) thread.join();
}

void Readers::work(Connection& connection) {
  for (auto jobs = queue_.take(1); !jobs.empty(); jobs = queue_.take(1)) {
    jobs.front()->run(connection);
    jobs.front()->finish(connection.take_failure());
  }
}

}  // namespace keyfob::sqlite
