#pragma once
// Listener: accepts for one worker. Sockets are made by the server (bound once, shared or SO_REUSEPORT).

#include <sys/socket.h>

#include "base/result.hpp"
#include "http/event_loop.hpp"

namespace keyfob::http {

class WorkerCore;

/// Loop thread only. Owns the descriptor.
class Listener final : private EventLoop::Source {
 public:
  Listener(WorkerCore& worker, int fd, bool unix_socket) : worker_(worker), fd_(fd), unix_socket_(unix_socket) {}
  virtual ~Listener();
  [[nodiscard]] bool watch();
  /// Accepts what waits, unless the worker is full.
  void accept_all();

 private:
  void on_events(std::uint32_t) override { accept_all(); }
  [[nodiscard]] bool accept_one();

  WorkerCore& worker_;
  int fd_;
  bool unix_socket_;
};

/// A bound, listening socket.
struct BoundSocket {
  int fd = -1;
  bool unix_socket = false;
  bool inherited = false;  ///< whoever started us listens on it, too: it is shared, not bound again
  std::string endpoint{};  ///< as in ServerConfig::listen, with the real port
};

/// "127.0.0.1:0", "[::1]:7420", "unix:/path", or "fd:3": a listening socket that this process was started with. Names
/// are not resolved. A socket file that nobody listens on is replaced.
[[nodiscard]] Result<BoundSocket> bind_listener(const std::string& endpoint);

}  // namespace keyfob::http
