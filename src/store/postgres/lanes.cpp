#include "store/postgres/lanes.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/postgres/batch.hpp"
#include "store/postgres/sqlstate.hpp"

namespace keyfob::postgres {
namespace {

constexpr std::size_t kLargestBatch = 128;
constexpr int kTries = 4;
constexpr Milliseconds kFirstPause{50};
constexpr Milliseconds kLongestPause{1000};

bool any_news(const Jobs& jobs) {
  return std::ranges::any_of(jobs, [](const auto& job) { return job->is_news(); });
}

void fail_all(Jobs& jobs, const Error& error) {
  for (auto& job : jobs) job->finish(error);
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

bool JobQueue::wait() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
  return !jobs_.empty();
}

void JobQueue::wake_all() { arrived_.notify_all(); }

void JobQueue::pause(Milliseconds d) {
  std::unique_lock lock(mutex_);
  closing_.wait_for(lock, d, [this] { return closed_; });
}

Jobs JobQueue::take(std::size_t most) {
  const std::scoped_lock lock(mutex_);
  Jobs taken;
  for (auto next = jobs_.begin(); next != jobs_.end() && taken.size() < most;) {
    const bool fits = taken.empty() || go_together(taken, **next);
    if (fits) taken.push_back(std::move(*next));
    next = fits ? jobs_.erase(next) : std::next(next);
  }
  return taken;
}

Jobs JobQueue::take_all() {
  const std::scoped_lock lock(mutex_);
  Jobs taken(std::make_move_iterator(jobs_.begin()), std::make_move_iterator(jobs_.end()));
  jobs_.clear();
  return taken;
}

void JobQueue::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  arrived_.notify_all();
  closing_.notify_all();
}

/// One thread and its connection.
class Lanes::Lane {
 public:
  Lane(Lanes& lanes, std::unique_ptr<Session> session) : lanes_(lanes), session_(std::move(session)) {
    if (session_) ++lanes_.connected_;
  }
  void work();

 private:
  bool connected();
  void disconnect();
  void without_connection();
  void run_together(Jobs jobs);
  void run_dialogue(std::unique_ptr<Job> job);
  /// Tries as often as it helps. `attempt` is Outcome(Session&).
  template <class Attempt>
  Outcome persistently(Attempt attempt);
  [[nodiscard]] bool worth_another_try(const Outcome& outcome) const;

  Lanes& lanes_;
  std::unique_ptr<Session> session_;
  Error why_not_;
  Milliseconds pause_ = kFirstPause;
};

bool Lanes::Lane::connected() {
  if (session_ && !session_->ended_meanwhile()) return true;
  disconnect();
  auto opened = Session::open(lanes_.settings_);
  if (!opened) {
    why_not_ = std::move(opened.error());
    return false;
  }
  session_ = std::move(*opened);
  ++lanes_.connected_;
  pause_ = kFirstPause;
  return true;
}

void Lanes::Lane::disconnect() {
  if (!session_) return;
  session_.reset();
  --lanes_.connected_;
}

void Lanes::Lane::work() {
  while (lanes_.queue_.wait()) {
    if (!connected()) {
      without_connection();
      continue;
    }
    Jobs jobs = lanes_.queue_.take(kLargestBatch);
    if (jobs.empty()) continue;  // another lane was faster
    if (jobs.front()->calls().empty()) {
      run_dialogue(std::move(jobs.front()));
    } else {
      run_together(std::move(jobs));
    }
  }
  disconnect();
}

/// What waits is failed only while no other lane could do it.
void Lanes::Lane::without_connection() {
  if (lanes_.connected_ == 0) {
    Jobs jobs = lanes_.queue_.take_all();
    fail_all(jobs, why_not_);
  } else {
    lanes_.queue_.wake_all();  // the one who was woken for this work cannot do it
  }
  lanes_.queue_.pause(pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
}

bool Lanes::Lane::worth_another_try(const Outcome& outcome) const {
  switch (outcome.kind) {
    case Outcome::Kind::done: return false;
    case Outcome::Kind::unsent: return true;
    case Outcome::Kind::unknown: return lanes_.options_.only_reads;
    case Outcome::Kind::refused: return remedy_of(outcome.sqlstate) != Remedy::none;
  }
  return false;
}

template <class Attempt>
Outcome Lanes::Lane::persistently(Attempt attempt) {
  Outcome outcome;
  for (int tries = 0; tries < kTries; ++tries) {
    if (!connected()) {
      if (tries == 0 || outcome.kind != Outcome::Kind::unknown) outcome.error = why_not_;
      outcome.kind = Outcome::Kind::unsent;
      break;
    }
    outcome = attempt(*session_);
    if (outcome.kind == Outcome::Kind::refused && remedy_of(outcome.sqlstate) == Remedy::another_server) disconnect();
    if (!worth_another_try(outcome)) break;
  }
  if (lanes_.options_.only_reads && outcome.error.code == ErrorCode::timeout) {
    outcome.error.code = ErrorCode::unavailable;
  }
  return outcome;
}

void Lanes::Lane::run_together(Jobs jobs) {
  std::ranges::stable_sort(jobs, {}, [](const auto& job) { return job->key(); });
  const Batch batch(jobs);
  auto outcome = persistently([&](Session& session) { return session.run(batch.calls()); });
  if (outcome.kind == Outcome::Kind::done) {
    if (lanes_.options_.news && any_news(jobs)) lanes_.options_.news();
    batch.deliver(outcome.rows);
  } else if (outcome.kind == Outcome::Kind::refused && jobs.size() > 1) {
    for (auto& job : jobs) {
      Jobs alone;
      alone.push_back(std::move(job));
      run_together(std::move(alone));
    }
  } else {
    fail_all(jobs, outcome.error);
  }
}

void Lanes::Lane::run_dialogue(std::unique_ptr<Job> job) {
  const auto outcome = persistently([&](Session& session) { return job->run(session); });
  std::optional<Error> failure;
  if (outcome.kind != Outcome::Kind::done) failure = outcome.error;
  if (!failure && lanes_.options_.news && job->is_news()) lanes_.options_.news();
  job->finish(std::move(failure));
}

Lanes::Lanes(Settings settings, LaneOptions options, std::unique_ptr<Session> first)
    : settings_(std::move(settings)), options_(std::move(options)) {
  for (unsigned i = 0; i < std::max(options_.lanes, 1U); ++i) {
    auto body = [this, session = std::move(first)]() mutable { Lane(*this, std::move(session)).work(); };
    threads_.emplace_back(std::move(body));
  }
}

Lanes::~Lanes() {
  queue_.close();
  for (auto& thread : threads_) thread.join();
}

}  // namespace keyfob::postgres
