#include "http/ring_socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace keyfob::http {
namespace {

/// For which a peer may still take what was written before the end, as it may with a socket of the kernel that is
/// closed.
constexpr Milliseconds kParting = seconds(10);

bool passing(int result) { return result == -EINTR || result == -EAGAIN || result == -ENOBUFS; }

}  // namespace

RingSocket::RingSocket(RingLoop& loop, int fd, bool connecting, Owner& owner)
    : LoopSocket(fd, owner, connecting), loop_(loop) {}

SocketPtr RingSocket::create(RingLoop& loop, int fd, bool connecting, Owner& owner) {
  auto* made = new RingSocket(loop, fd, connecting, owner);
  if (connecting) {
    made->wait_for_connect();
  } else {
    made->start_receiving();
  }
  return SocketPtr(made);
}

void RingSocket::end() {
  ended_ = true;
  arrived_ = {};
  if (receiving_) loop_.cancel(*this, kReceive);
  if (polling_) loop_.cancel(*this, kPoll);
  if (sending()) loop_.wheel().set(*this, loop_.now() + kParting);
  loop_.retire(*this);
}

void RingSocket::on_deadline() {
  abandoned_ = true;
  if (sending()) loop_.cancel(*this, kSend);
}

void RingSocket::tell() {
  if (!ended_) owner_.on_socket();
}

void RingSocket::on_completion(unsigned kind, int result, std::uint32_t flags) {
  switch (kind) {
    case kReceive: received(result, flags); break;
    case kSend: sent(result); break;
    default: polled(result, flags); break;
  }
}

void RingSocket::start_receiving() {
  io_uring_sqe& entry = loop_.operation(*this, kReceive);
  io_uring_prep_recv(&entry, fd_, nullptr, 0, 0);
  // Usually nothing is there yet: do not try first.
  entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = RingLoop::kGroup;
  receiving_ = true;
}

void RingSocket::received(int result, std::uint32_t flags) {
  receiving_ = false;
  if (!ended_) {
    if (result > 0) {
      arrived_ = loop_.received(flags, result);
    } else if (result == 0) {
      peer_finished_ = true;
    } else if (!passing(result)) {
      reset_ = hung_up_ = true;
    }
    if (!passing(result)) tell();
  }
  if (!arrived_.empty()) {
    kept_ = wiped_string({arrived_.data(), arrived_.size()});
    arrived_ = kept_;
  }
  if ((flags & IORING_CQE_F_BUFFER) != 0) loop_.recycle(flags, result);
  go_on();
}

/// One of the two is under way: the next read, or the wait for the peer's end while there is nothing to read into.
void RingSocket::go_on() {
  if (ended_ || reset_ || phase_ != Phase::connected) return;
  if (arrived_.empty() && !peer_finished_) {
    if (!receiving_) start_receiving();
  } else if (!polling_) {
    // Again and again: once the peer has finished sending, the first completion does not tell of its reset.
    io_uring_prep_poll_multishot(&loop_.operation(*this, kPoll), fd_, 0);
    polling_ = true;
  }
}

void RingSocket::wait_for_connect() {
  io_uring_prep_poll_add(&loop_.operation(*this, kPoll), fd_, POLLOUT);
  polling_ = true;
}

void RingSocket::polled(int result, std::uint32_t flags) {
  polling_ = (flags & IORING_CQE_F_MORE) != 0;
  if (ended_) return;
  if (phase_ == Phase::connecting) {
    decide_connect();
    tell();
    go_on();
    return;
  }
  if (result < 0 || (static_cast<unsigned>(result) & (POLLERR | POLLHUP)) == 0 || hung_up_) return;
  hung_up_ = true;
  tell();
}

IoResult RingSocket::read(std::span<char> into) {
  if (!arrived_.empty()) {
    const std::size_t size = std::min(into.size(), arrived_.size());
    std::memcpy(into.data(), arrived_.data(), size);
    arrived_ = arrived_.subspan(size);
    return {IoStatus::ok, size};
  }
  if (reset_) return {IoStatus::broken, 0};
  if (peer_finished_) return {IoStatus::end, 0};
  if (!kept_.empty()) {
    wipe(kept_.data(), kept_.size());
    kept_ = WipedString();
  }
  go_on();
  return {};
}

IoResult RingSocket::write(std::span<const iovec> parts) {
  if (write_failed_) return {IoStatus::broken, 0};
  if (phase_ != Phase::connected) return {};
  BufferPtr& block = sending() ? gathered_ : under_way_;
  if (block == nullptr) block = loop_.blocks().take();
  std::size_t taken = 0;
  for (const iovec& part : parts) {
    const std::span<char> space = block->space();
    const std::size_t size = std::min(part.iov_len, space.size());
    if (size != 0) std::memcpy(space.data(), part.iov_base, size);
    block->filled(size);
    taken += size;
    want_writable_ = size < part.iov_len;
    if (want_writable_) break;
  }
  handed_over_ += taken;
  if (&block == &under_way_) start_sending();
  if (taken == 0) return {};
  return {IoStatus::ok, taken};
}

void RingSocket::start_sending() {
  const std::string_view text = under_way_->text();
  io_uring_prep_send(&loop_.operation(*this, kSend), fd_, text.data(), text.size(), MSG_NOSIGNAL);
}

void RingSocket::sent(int result) {
  if (passing(result) && !abandoned_) return start_sending();
  if (result < 0 || abandoned_) {
    write_failed_ = true;
    handed_over_ -= under_way_->text().size() + (gathered_ != nullptr ? gathered_->text().size() : 0);
    under_way_.reset();
    gathered_.reset();
    return tell();
  }
  under_way_->consume(static_cast<std::size_t>(result));
  if (under_way_->empty()) under_way_ = std::move(gathered_);
  if (sending()) {
    start_sending();
  } else if (finish_wanted_) {
    shutdown(fd_, SHUT_WR);
  }
  if (std::exchange(want_writable_, false)) tell();
}

bool RingSocket::probe_alive() { return arrived_.empty() && !loop_.undelivered(*this, kReceive) && probe_quiet(); }

void RingSocket::finish() {
  if (sending()) {
    finish_wanted_ = true;
  } else {
    shutdown(fd_, SHUT_WR);
  }
}

}  // namespace keyfob::http
