#include "http/stream.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace keyfob::http {
namespace {

constexpr std::uint32_t kWatched = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::size_t kTlsRecord = 16384;
constexpr std::size_t kFlat = 4096;

// glibc's own recv and send are cancellation points, which costs two locked instructions a call; nobody cancels our
// threads.
ssize_t receive(int fd, std::span<char> into) {
  return syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr);
}
ssize_t transmit(int fd, std::span<const char> from) {
  return syscall(SYS_sendto, fd, from.data(), from.size(), MSG_NOSIGNAL, nullptr, 0);
}

iovec part_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

std::size_t size_of(std::span<const iovec> parts) {
  std::size_t total = 0;
  for (const iovec& part : parts) total += part.iov_len;
  return total;
}

}  // namespace

bool Stream::adopt(int fd, const TlsContext* tls) {
  fd_ = fd;
  readable_ = true;
  writable_ = true;
  state_ = tls == nullptr ? State::open : State::handshaking;
  if (tls != nullptr) tls_ = TlsSession::accept(*tls, *this);
  if (loop_.add(fd, kWatched, *this) && (tls == nullptr || tls_ != nullptr)) return true;
  close();
  return false;
}

bool Stream::adopt_connecting(int fd, const TlsContext* tls, const std::string& host) {
  fd_ = fd;
  watching_writable_ = true;
  state_ = State::connecting;
  if (tls != nullptr) tls_ = TlsSession::connect(*tls, *this, host);
  if (loop_.add(fd, kWatched | EPOLLOUT, *this) && (tls == nullptr || tls_ != nullptr)) return true;
  close();
  return false;
}

void Stream::close() {
  if (fd_ < 0) return;
  loop_.remove(fd_, *this);
  ::close(fd_);
  fd_ = -1;
  state_ = State::closed;
  readable_ = writable_ = hung_up_ = peer_finished_ = watching_writable_ = any_sent_ = false;
  tls_.reset();
  unsent_.clear();
  sent_ = 0;
}

void Stream::on_events(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) hung_up_ = readable_ = writable_ = true;
  if ((events & EPOLLRDHUP) != 0) peer_finished_ = readable_ = true;
  if ((events & EPOLLIN) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) writable_ = true;
  if (state_ == State::connecting || state_ == State::handshaking) go_on_opening();
  if (state_ == State::open && pending()) flush();
  owner_.on_stream();
}

void Stream::go_on_opening() {
  if (state_ == State::connecting) {
    if (!writable_) return;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
      state_ = State::broken;
      return;
    }
    readable_ = true;
    state_ = tls_ ? State::handshaking : State::open;
  }
  if (state_ != State::handshaking) return;
  const IoStatus status = tls_->handshake();
  if (status == IoStatus::ok) state_ = State::open;
  if (status == IoStatus::end || status == IoStatus::broken) state_ = State::broken;
}

IoResult Stream::wire_read(std::span<char> into) {
  if (!readable_) return {};
  ssize_t got = 0;
  do got = receive(fd_, into);
  while (got < 0 && errno == EINTR);
  if (got > 0) {
    // A short read has drained the socket, unless its end is already waiting behind the data.
    if (static_cast<std::size_t>(got) < into.size() && !peer_finished_ && !hung_up_) readable_ = false;
    return {IoStatus::ok, static_cast<std::size_t>(got)};
  }
  if (got == 0) return {IoStatus::end, 0};
  if (errno != EAGAIN) return {IoStatus::broken, 0};
  readable_ = false;
  return {};
}

IoResult Stream::read(Buffer& into) {
  if (state_ != State::open && state_ != State::unwritable)
    return {state_ == State::broken ? IoStatus::broken : IoStatus::blocked, 0};
  const IoResult result = tls_ ? tls_->read(into.space()) : wire_read(into.space());
  into.filled(result.bytes);
  if (result.status == IoStatus::broken) state_ = State::broken;
  return result;
}

void Stream::want_writable() {
  writable_ = false;
  if (watching_writable_) return;
  watching_writable_ = true;
  loop_.change(fd_, kWatched | EPOLLOUT, *this);
}

IoResult Stream::after_write(ssize_t count, std::size_t wanted) {
  if (count < 0) {
    if (errno != EAGAIN) return {IoStatus::broken, 0};
    want_writable();
    return {};
  }
  any_sent_ = true;
  if (static_cast<std::size_t>(count) < wanted) want_writable();
  return {IoStatus::ok, static_cast<std::size_t>(count)};
}

IoResult Stream::wire_write(std::span<const char> from) {
  if (!writable_) return {};
  ssize_t count = 0;
  do count = transmit(fd_, from);
  while (count < 0 && errno == EINTR);
  return after_write(count, from.size());
}

IoResult Stream::write_tls(std::span<const iovec> parts) {
  std::array<char, kTlsRecord> record;
  std::size_t size = 0;
  for (const iovec& part : parts) {
    const std::size_t taken = std::min(part.iov_len, record.size() - size);
    if (taken != 0) std::memcpy(record.data() + size, part.iov_base, taken);
    size += taken;
    if (size == record.size()) break;
  }
  const IoResult result = tls_->write({record.data(), size});
  wipe(record.data(), size);
  return result;
}

/// One copy of some hundred bytes costs less than what the kernel does to take a message in pieces.
IoResult Stream::write_flat(std::span<const iovec> parts) {
  std::array<char, kFlat> text;
  char* end = text.data();
  for (const iovec& part : parts) end = std::copy_n(static_cast<const char*>(part.iov_base), part.iov_len, end);
  const auto size = static_cast<std::size_t>(end - text.data());
  const IoResult result = wire_write({text.data(), size});
  // It may hold a token.
  wipe(text.data(), size);
  return result;
}

IoResult Stream::write_some(std::span<const iovec> parts) {
  if (tls_) return write_tls(parts);
  if (!writable_) return {};
  if (parts.size() == 1) {
    return wire_write({static_cast<const char*>(parts.front().iov_base), parts.front().iov_len});
  }
  if (size_of(parts) <= kFlat) return write_flat(parts);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  ssize_t count = 0;
  do count = sendmsg(fd_, &message, MSG_NOSIGNAL);
  while (count < 0 && errno == EINTR);
  return after_write(count, size_of(parts));
}

bool Stream::send(std::string_view text) {
  const iovec part = part_of(text);
  return send({&part, 1});
}

bool Stream::send(std::span<const iovec> parts) {
  if (!can_write() || state_ == State::closed) return false;
  if (pending() || state_ != State::open) {
    keep(parts, 0);
    return true;
  }
  const std::size_t total = size_of(parts);
  if (total == 0) return true;
  const IoResult result = write_some(parts);
  if (result.status == IoStatus::broken || result.status == IoStatus::end) {
    state_ = State::unwritable;
    return false;
  }
  if (result.bytes == total) return true;
  keep(parts, result.bytes);
  // Over TLS one call writes one record only: the socket may well take more.
  if (result.status == IoStatus::ok && tls_) flush();
  return can_write();
}

void Stream::keep(std::span<const iovec> parts, std::size_t skip) {
  if (!pending()) {
    unsent_.clear();
    sent_ = 0;
  }
  unsent_.reserve(unsent_.size() + std::max<std::size_t>(size_of(parts), 64));
  for (const iovec& part : parts) {
    const std::size_t skipped = std::min(skip, part.iov_len);
    skip -= skipped;
    unsent_.append(static_cast<const char*>(part.iov_base) + skipped, part.iov_len - skipped);
  }
}

void Stream::flush() {
  while (pending()) {
    const iovec rest = part_of(std::string_view(unsent_).substr(sent_));
    const IoResult result = write_some({&rest, 1});
    if (result.status == IoStatus::blocked) return;
    if (result.status != IoStatus::ok) {
      state_ = State::unwritable;
      return;
    }
    sent_ += result.bytes;
    progress_ = true;
  }
  wipe(unsent_.data(), unsent_.size());
  // A connection that was slow once need not hold a large block for ever.
  if (unsent_.capacity() > Buffer::kCapacity) unsent_ = WipedString();
  unsent_.clear();
  sent_ = 0;
}

bool Stream::probe_alive() {
  if (hung_up_ || peer_finished_ || state_ != State::open) return false;
  char byte = 0;
  const ssize_t got = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && errno == EAGAIN;
}

void Stream::finish() {
  if (state_ != State::open) return;
  if (tls_) tls_->finish();
  shutdown(fd_, SHUT_WR);
}

}  // namespace keyfob::http
