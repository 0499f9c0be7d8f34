#pragma once
// EpollLoop: edge-triggered epoll.

#include <sys/epoll.h>

#include <array>

#include "http/event_loop.hpp"

namespace keyfob::http {

class EpollLoop final : public EventLoop {
 public:
  /// Null: out of descriptors. `wake` becomes the mailbox's when it is made.
  static std::unique_ptr<EventLoop> create(int wake);
  ~EpollLoop() override;

  [[nodiscard]] std::string_view name() const override { return "epoll"; }
  [[nodiscard]] bool watch(int fd, Source& source) override { return add(fd, EPOLLIN | EPOLLET, source); }
  void unwatch(int fd, const Source& source) override { remove(fd, source); }
  [[nodiscard]] SocketPtr adopt(int fd, bool connecting, LoopSocket::Owner& owner) override;

  // For its sockets.
  [[nodiscard]] bool add(int fd, std::uint32_t events, Source& source) const;
  void change(int fd, std::uint32_t events, Source& source) const;
  void remove(int fd, const Source& source);

 private:
  EpollLoop(int wake, int epoll) : EventLoop(wake), epoll_(epoll) {}
  void wait(Milliseconds at_most) override;
  void deliver() override;

  static constexpr std::size_t kBatch = 256;
  int epoll_;
  std::array<epoll_event, kBatch> batch_;
  std::size_t batch_size_ = 0;
  std::size_t batch_at_ = 0;
};

}  // namespace keyfob::http
