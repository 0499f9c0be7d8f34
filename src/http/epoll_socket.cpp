#include "http/epoll_socket.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/bytes.hpp"

namespace keyfob::http {
namespace {

constexpr std::uint32_t kWatched = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::size_t kFlat = 4096;

// glibc's own recv and send are cancellation points, which costs two locked instructions a call; nobody cancels our
// threads.
ssize_t receive(int fd, std::span<char> into) {
  return syscall(SYS_recvfrom, fd, into.data(), into.size(), 0, nullptr, nullptr);
}
ssize_t transmit(int fd, const void* from, std::size_t size) {
  return syscall(SYS_sendto, fd, from, size, MSG_NOSIGNAL, nullptr, 0);
}

ssize_t transmit_parts(int fd, std::span<const iovec> parts) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

EpollSocket::EpollSocket(EpollLoop& loop, int fd, bool connecting, Owner& owner)
    : LoopSocket(fd, owner, connecting),
      loop_(loop),
      readable_(!connecting),
      writable_(!connecting),
      watching_writable_(connecting) {}

SocketPtr EpollSocket::create(EpollLoop& loop, int fd, bool connecting, Owner& owner) {
  auto* made = new EpollSocket(loop, fd, connecting, owner);
  SocketPtr socket(made);
  const std::uint32_t events = connecting ? kWatched | EPOLLOUT : kWatched;
  if (!loop.add(fd, events, *made)) socket.reset();
  return socket;
}

EpollSocket::~EpollSocket() { loop_.remove(fd_, *this); }

void EpollSocket::on_events(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) hung_up_ = readable_ = writable_ = true;
  if ((events & EPOLLRDHUP) != 0) peer_finished_ = readable_ = true;
  if ((events & EPOLLIN) != 0) readable_ = true;
  if ((events & EPOLLOUT) != 0) writable_ = true;
  if (phase_ == Phase::connecting && writable_) {
    decide_connect();
    readable_ = true;
  }
  owner_.on_socket();
}

IoResult EpollSocket::read(std::span<char> into) {
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

void EpollSocket::want_writable() {
  writable_ = false;
  if (watching_writable_) return;
  watching_writable_ = true;
  loop_.change(fd_, kWatched | EPOLLOUT, *this);
}

/// One copy of some hundred bytes costs less than what the kernel does to take a message in pieces.
ssize_t EpollSocket::write_flat(std::span<const iovec> parts) const {
  std::array<char, kFlat> text;
  char* end = text.data();
  for (const iovec& part : parts) end = std::copy_n(static_cast<const char*>(part.iov_base), part.iov_len, end);
  const auto size = static_cast<std::size_t>(end - text.data());
  const ssize_t count = transmit(fd_, text.data(), size);
  // It may hold a token.
  wipe(text.data(), size);
  return count;
}

IoResult EpollSocket::write(std::span<const iovec> parts) {
  if (!writable_) return {};
  const std::size_t wanted = size_of(parts);
  ssize_t count = 0;
  do {
    if (parts.size() == 1) {
      count = transmit(fd_, parts.front().iov_base, wanted);
    } else {
      count = wanted <= kFlat ? write_flat(parts) : transmit_parts(fd_, parts);
    }
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    if (errno != EAGAIN) {
      write_failed_ = true;
      return {IoStatus::broken, 0};
    }
    want_writable();
    return {};
  }
  handed_over_ += static_cast<std::size_t>(count);
  if (static_cast<std::size_t>(count) < wanted) want_writable();
  return {IoStatus::ok, static_cast<std::size_t>(count)};
}

void EpollSocket::finish() { shutdown(fd_, SHUT_WR); }

}  // namespace keyfob::http
