#include "http/stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace keyfob::http {
namespace {

constexpr std::size_t kTlsRecord = 16384;

iovec part_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

}  // namespace

bool Stream::adopt(int fd, const TlsContext* tls) {
  if (!take(fd, tls == nullptr ? State::open : State::handshaking)) return false;
  return tls == nullptr || secure(TlsSession::accept(*tls, *this));
}

bool Stream::adopt_connecting(int fd, const TlsContext* tls, const std::string& host) {
  if (!take(fd, State::connecting)) return false;
  return tls == nullptr || secure(TlsSession::connect(*tls, *this, host));
}

bool Stream::take(int fd, State state) {
  socket_ = loop_.adopt(fd, state == State::connecting, *this);
  if (socket_ == nullptr) return false;
  forgotten_ = 0;
  state_ = state;
  return true;
}

bool Stream::secure(std::unique_ptr<TlsSession> session) {
  tls_ = std::move(session);
  if (tls_ == nullptr) close();
  return tls_ != nullptr;
}

void Stream::close() {
  if (socket_ == nullptr) return;
  socket_.reset();
  state_ = State::closed;
  tls_.reset();
  unsent_.clear();
  sent_ = 0;
}

void Stream::on_socket() {
  if (state_ == State::connecting || state_ == State::handshaking) go_on_opening();
  if (state_ == State::open && pending()) flush();
  if (state_ == State::open && socket_->write_failed()) state_ = State::unwritable;
  owner_.on_stream();
}

void Stream::go_on_opening() {
  if (state_ == State::connecting) {
    if (socket_->phase() == LoopSocket::Phase::connecting) return;
    if (socket_->phase() == LoopSocket::Phase::unreachable) {
      state_ = State::broken;
      return;
    }
    state_ = tls_ ? State::handshaking : State::open;
  }
  if (state_ != State::handshaking) return;
  const IoStatus status = tls_->handshake();
  if (status == IoStatus::ok) state_ = State::open;
  if (status == IoStatus::end || status == IoStatus::broken) state_ = State::broken;
}

IoResult Stream::read(Buffer& into) {
  if (state_ != State::open && state_ != State::unwritable)
    return {state_ == State::broken ? IoStatus::broken : IoStatus::blocked, 0};
  const IoResult result = tls_ ? tls_->read(into.space()) : socket_->read(into.space());
  into.filled(result.bytes);
  if (result.status == IoStatus::broken) state_ = State::broken;
  return result;
}

IoResult Stream::wire_write(std::span<const char> from) {
  const iovec part = part_of({from.data(), from.size()});
  return socket_->write({&part, 1});
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

IoResult Stream::write_some(std::span<const iovec> parts) { return tls_ ? write_tls(parts) : socket_->write(parts); }

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

void Stream::finish() {
  if (state_ != State::open) return;
  if (tls_) tls_->finish();
  socket_->finish();
}

}  // namespace keyfob::http
