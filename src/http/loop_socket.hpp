#pragma once
// LoopSocket: a stream socket as one event loop drives it. There are two: EpollSocket calls the kernel when epoll says
// that it is worth it, RingSocket has its reads and writes done by an io_uring.

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>

namespace keyfob::http {

enum class IoStatus : std::uint8_t {
  ok,
  blocked,  ///< not now; an event will tell
  end,      ///< the peer has finished sending, properly
  broken,   ///< the connection is of no more use
};
struct IoResult {
  IoStatus status = IoStatus::blocked;
  std::size_t bytes = 0;
};

[[nodiscard]] inline std::size_t size_of(std::span<const iovec> parts) {
  std::size_t total = 0;
  for (const iovec& part : parts) total += part.iov_len;
  return total;
}

/// Loop thread only. Made by EventLoop, ended by its SocketPtr.
class LoopSocket {
 public:
  class Owner {
   public:
    /// Something may have changed: connected, readable, writable, gone. May end the socket.
    virtual void on_socket() = 0;

   protected:
    ~Owner() = default;
  };
  enum class Phase : std::uint8_t { connecting, connected, unreachable };

  LoopSocket(const LoopSocket&) = delete;
  LoopSocket& operator=(const LoopSocket&) = delete;

  /// Takes what has arrived, without waiting.
  virtual IoResult read(std::span<char> into) = 0;
  /// Takes as many bytes as it can; they go out in order. After fewer than all, on_socket() tells when to go on.
  virtual IoResult write(std::span<const iovec> parts) = 0;
  /// Asks the kernel whether the peer has closed, or said something unasked, at the cost of a system call.
  [[nodiscard]] virtual bool probe_alive() = 0;
  /// Half-closes: the peer sees the end after all that was written.
  virtual void finish() = 0;

  [[nodiscard]] Phase phase() const { return phase_; }
  /// The peer is gone altogether (reset, or both directions closed), not merely done with sending.
  [[nodiscard]] bool hung_up() const { return hung_up_; }
  /// The peer is known to have finished sending.
  [[nodiscard]] bool peer_finished() const { return peer_finished_; }
  /// A write has failed; what the peer had said before can still be read.
  [[nodiscard]] bool write_failed() const { return write_failed_; }
  /// Bytes of all that was written which the kernel has taken, or may have.
  [[nodiscard]] std::uint64_t handed_over() const { return handed_over_; }

 protected:
  LoopSocket(int fd, Owner& owner, bool connecting)
      : fd_(fd), owner_(owner), phase_(connecting ? Phase::connecting : Phase::connected) {}
  virtual ~LoopSocket();  ///< closes the descriptor

  /// When the descriptor has become writable: whether connect() has succeeded.
  void decide_connect();
  /// probe_alive(), as far as the kernel knows.
  [[nodiscard]] bool probe_quiet() const;

  const int fd_;
  Owner& owner_;
  Phase phase_;
  bool hung_up_ = false;
  bool peer_finished_ = false;
  bool write_failed_ = false;
  std::uint64_t handed_over_ = 0;

 private:
  friend struct EndSocket;
  /// Closes the descriptor, now or as soon as nothing of the kernel's refers to it. The owner hears no more.
  virtual void end() = 0;
};

struct EndSocket {
  void operator()(LoopSocket* socket) const { socket->end(); }
};
using SocketPtr = std::unique_ptr<LoopSocket, EndSocket>;

}  // namespace keyfob::http
