#pragma once
// Stream: a non-blocking stream socket, plain or TLS, that remembers whether it is worth asking: after a short read it
// answers `blocked` without a system call until epoll has said otherwise.

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/wiped_string.hpp"
#include "http/buffer.hpp"
#include "http/event_loop.hpp"
#include "http/tls.hpp"

namespace keyfob::http {

/// Loop thread only.
class Stream final : private EventLoop::Source, private Wire {
 public:
  class Owner {
   public:
    /// Something may have changed: opened, readable, writable, broken. May destroy the stream.
    virtual void on_stream() = 0;

   protected:
    ~Owner() = default;
  };
  enum class State : std::uint8_t {
    closed,
    connecting,
    handshaking,
    open,
    unwritable,  ///< a write failed; what the peer had said before can still be read
    broken,
  };

  Stream(EventLoop& loop, Owner& owner) : loop_(loop), owner_(owner) {}
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Takes over an accepted socket. False: it cannot be watched; the descriptor is closed.
  [[nodiscard]] bool adopt(int fd, const TlsContext* tls);
  /// Takes over a socket whose connect() is under way. TLS follows when `tls` is given.
  [[nodiscard]] bool adopt_connecting(int fd, const TlsContext* tls, const std::string& host);
  void close();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool can_write() const { return state_ != State::unwritable && state_ != State::broken; }
  /// The peer is gone altogether (reset, or both directions closed), not merely done with sending.
  [[nodiscard]] bool hung_up() const { return hung_up_; }

  /// Open, and as far as events have told, the peer has not finished.
  [[nodiscard]] bool both_open() const { return state_ == State::open && !hung_up_ && !peer_finished_; }

  /// Reads into the buffer's space, which must not be empty.
  [[nodiscard]] IoResult read(Buffer& into);
  /// Writes what the socket takes and keeps the rest. False: unwritable or broken.
  [[nodiscard]] bool send(std::span<const iovec> parts);
  [[nodiscard]] bool send(std::string_view text);
  /// Whether earlier sends are still kept. Who sees true stops producing until on_stream().
  [[nodiscard]] bool pending() const { return sent_ != unsent_.size(); }
  /// Bytes of the kept rest have moved since the last call.
  [[nodiscard]] bool take_progress() { return std::exchange(progress_, false); }
  /// Whether any byte was ever handed to the socket since the last forget_sent().
  [[nodiscard]] bool has_sent() const { return any_sent_; }
  void forget_sent() { any_sent_ = false; }
  /// Asks the kernel whether the peer has closed, at the cost of a system call.
  [[nodiscard]] bool probe_alive();
  /// Half-closes: the peer sees the end after all that was sent.
  void finish();
  [[nodiscard]] std::string tls_peer_name() const { return tls_ ? tls_->peer_name() : std::string(); }

 private:
  void on_events(std::uint32_t events) override;
  IoResult wire_read(std::span<char> into) override;
  IoResult wire_write(std::span<const char> from) override;
  void go_on_opening();
  void flush();
  [[nodiscard]] IoResult write_some(std::span<const iovec> parts);
  [[nodiscard]] IoResult write_flat(std::span<const iovec> parts);
  [[nodiscard]] IoResult write_tls(std::span<const iovec> parts);
  [[nodiscard]] IoResult after_write(ssize_t count, std::size_t wanted);
  void keep(std::span<const iovec> parts, std::size_t skip);
  void want_writable();

  EventLoop& loop_;
  Owner& owner_;
  int fd_ = -1;
  State state_ = State::closed;
  bool readable_ = false;
  bool writable_ = false;
  bool hung_up_ = false;
  bool peer_finished_ = false;
  bool watching_writable_ = false;
  bool any_sent_ = false;
  bool progress_ = false;
  std::unique_ptr<TlsSession> tls_;
  WipedString unsent_;
  std::size_t sent_ = 0;  ///< of unsent_
};

}  // namespace keyfob::http
