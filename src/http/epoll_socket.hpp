#pragma once
// EpollSocket: remembers whether the kernel is worth asking: after a short read it answers `blocked` without a system
// call until epoll has said otherwise.

#include "http/epoll_loop.hpp"

namespace keyfob::http {

class EpollSocket final : public LoopSocket, private EventLoop::Source {
 public:
  static SocketPtr create(EpollLoop& loop, int fd, bool connecting, Owner& owner);

  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> parts) override;
  [[nodiscard]] bool probe_alive() override { return probe_quiet(); }
  void finish() override;

 private:
  EpollSocket(EpollLoop& loop, int fd, bool connecting, Owner& owner);
  ~EpollSocket() override;
  void end() override { delete this; }
  void on_events(std::uint32_t events) override;
  [[nodiscard]] ssize_t write_flat(std::span<const iovec> parts) const;
  void want_writable();

  EpollLoop& loop_;
  bool readable_;
  bool writable_;
  bool watching_writable_;
};

}  // namespace keyfob::http
