#include "store/sqlite/checkpointer.hpp"

#include <sqlite3.h>

#include <utility>

namespace keyfob::sqlite {
namespace {

// A log that is copied wholly begins anew; one that is written without a pause never is, so when it is this many times
// as long, the writer copies what is left.
constexpr int kTooLong = 4;

/// What cannot be copied stays in the log, and is tried again after the next commit.
void copy_log(sqlite3* handle) {
  sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection, Connection& writer, int long_log)
    : connection_(std::move(connection)), long_log_(long_log), thread_([this] { work(); }) {
  sqlite3_wal_hook(writer.native(), &Checkpointer::on_commit, this);
}

Checkpointer::~Checkpointer() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

int Checkpointer::on_commit(void* checkpointer, sqlite3* writer, const char* /*schema*/, int pages) {
  auto& self = *static_cast<Checkpointer*>(checkpointer);
  if (pages < self.copied_) self.copied_ = 0;  // it has begun anew
  if (pages / kTooLong >= self.long_log_) {
    copy_log(writer);
  } else if (pages - self.copied_ >= self.long_log_) {
    self.copied_ = pages;
    self.wake();
  }
  return SQLITE_OK;
}

void Checkpointer::wake() {
  {
    const std::scoped_lock lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_one();
}

void Checkpointer::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    wanted_ = false;
    lock.unlock();
    copy_log(connection_->native());
    lock.lock();
  }
}

}  // namespace keyfob::sqlite
