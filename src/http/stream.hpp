#pragma once
// Stream: a connection, plain or TLS, that keeps what the socket does not take yet.

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
class Stream final : private LoopSocket::Owner, private Wire {
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
  [[nodiscard]] bool hung_up() const { return socket_ != nullptr && socket_->hung_up(); }

  /// Open, and as far as events have told, the peer has not finished.
  [[nodiscard]] bool both_open() const { return state_ == State::open && !hung_up() && !socket_->peer_finished(); }

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
  [[nodiscard]] bool has_sent() const { return socket_ != nullptr && socket_->handed_over() != forgotten_; }
  void forget_sent() { forgotten_ = socket_->handed_over(); }
  /// Asks the kernel whether the peer has closed, at the cost of a system call.
  [[nodiscard]] bool probe_alive() { return state_ == State::open && socket_->probe_alive(); }
  /// Half-closes: the peer sees the end after all that was sent.
  void finish();
  [[nodiscard]] std::string tls_peer_name() const { return tls_ ? tls_->peer_name() : std::string(); }

 private:
  void on_socket() override;
  IoResult wire_read(std::span<char> into) override { return socket_->read(into); }
  IoResult wire_write(std::span<const char> from) override;
  [[nodiscard]] bool take(int fd, State state);
  [[nodiscard]] bool secure(std::unique_ptr<TlsSession> session);
  void go_on_opening();
  void flush();
  [[nodiscard]] IoResult write_some(std::span<const iovec> parts);
  [[nodiscard]] IoResult write_tls(std::span<const iovec> parts);
  void keep(std::span<const iovec> parts, std::size_t skip);

  EventLoop& loop_;
  Owner& owner_;
  SocketPtr socket_;
  State state_ = State::closed;
  bool progress_ = false;
  std::uint64_t forgotten_ = 0;  ///< of what the socket has handed over
  std::unique_ptr<TlsSession> tls_;
  WipedString unsent_;
  std::size_t sent_ = 0;  ///< of unsent_
};

}  // namespace keyfob::http
