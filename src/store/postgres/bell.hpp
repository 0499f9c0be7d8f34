#pragma once
// Bell: tells the other nodes that something has changed, and hears when they do: NOTIFY and LISTEN on a connection of
// its own, which must not be a pooler's.
//
// Not part of any transaction: NOTIFY would make all commits of the database wait for each other, and what is lost is
// found by polling anyway. Rings that come close together are one. Without a connection it is silent and tries again.

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "store/postgres/grant_statements.hpp"
#include "store/postgres/session.hpp"

namespace keyfob::postgres {

class Bell {
 public:
  /// `settings.url` is where to listen. `self`: rings of this writer are not heard.
  Bell(Settings settings, WriterId self);
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// Any thread; does not block.
  void ring();
  void on_ring(std::function<void()> heard);

 private:
  void work();
  bool connect();
  void attend();
  void send();
  void hear();
  void pause(Milliseconds d);
  void wait(Milliseconds d, int socket) const;
  void signal() const;
  void clear_signal() const;

  Settings settings_;
  std::string self_;
  int signal_;  ///< an eventfd: a ring, or the end
  std::atomic<bool> rung_ = false;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::function<void()> heard_;
  std::unique_ptr<Session> session_;
  std::thread thread_;
};

}  // namespace keyfob::postgres
