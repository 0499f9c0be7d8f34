#pragma once
// Checkpointer: copies the write-ahead log into the file, on a thread and a connection of its own, so that the writer
// does not wait for that disk work. When the log grows faster than it copies, the writer does the rest itself.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {

class Checkpointer {
 public:
  /// `connection` is this one's own. Watches `writer` from now on, and must outlive it. The log is copied whenever it
  /// has grown by `long_log` pages.
  Checkpointer(std::unique_ptr<Connection> connection, Connection& writer, int long_log);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  /// After each commit, on the writer's thread; `pages`: how long the log is.
  static int on_commit(void* checkpointer, sqlite3* writer, const char* schema, int pages);
  void wake();
  void work();

  std::unique_ptr<Connection> connection_;
  const int long_log_;
  int copied_ = 0;  ///< pages of this log; the writer's thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace keyfob::sqlite
