#include "http/origin.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>

namespace keyfob::http {
namespace {

constexpr Milliseconds kResolvedFor = seconds(30);

SocketAddress address_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  SocketAddress address;
  address.size = static_cast<socklen_t>(endpoint.size());
  std::memcpy(&address.storage, endpoint.data(), endpoint.size());
  return address;
}

std::string host_line_for(const std::string& host, std::uint16_t port, bool tls) {
  std::string line = "Host: ";
  line += host.find(':') == std::string::npos ? host : '[' + host + ']';
  if (port != (tls ? 443 : 80)) line += ':' + std::to_string(port);
  return line + "\r\n";
}

}  // namespace

UpstreamConnection::UpstreamConnection(Origin& origin) : origin_(origin), stream_(origin.context_.loop, *this) {}

Buffer& UpstreamConnection::in() {
  if (in_ == nullptr) in_ = origin_.context_.buffers.take();
  return *in_;
}

bool UpstreamConnection::broken() const {
  return !resolving_ && (stream_.state() == Stream::State::broken || stream_.state() == Stream::State::closed);
}

void UpstreamConnection::on_stream() {
  if (stream_.state() == Stream::State::open) was_open_ = true;
  if (stream_.state() == Stream::State::broken && !was_open_) origin_.address_failed();
  if (user_ != nullptr) {
    user_->on_upstream();
  } else {
    read_while_idle();
  }
}

void UpstreamConnection::read_while_idle() {
  // Whatever comes without a request (the end, a 408, an attack) makes the connection unfit; TLS tickets do not.
  const IoResult result = stream_.read(in());
  if (result.status == IoStatus::blocked) {
    in_.reset();
    return;
  }
  origin_.forget_idle(*this);
}

void UpstreamConnection::on_deadline() { origin_.forget_idle(*this); }

void UpstreamConnection::connect_now() {
  const SocketAddress& address = origin_.addresses_[origin_.next_address_ % origin_.addresses_.size()];
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if (result != 0 && errno != EINPROGRESS) {
    ::close(fd);
    origin_.address_failed();
    return;
  }
  const TlsContext* tls = origin_.tls_ ? origin_.context_.tls.get() : nullptr;
  static_cast<void>(stream_.adopt_connecting(fd, tls, origin_.host_));
}

void UpstreamConnection::resolved(bool found) {
  resolving_ = false;
  if (found) connect_now();
  if (user_ != nullptr) user_->on_upstream();
}

Origin::Origin(UpstreamContext& context, std::string host, std::uint16_t port, bool tls)
    : context_(context),
      host_(std::move(host)),
      port_(port),
      tls_(tls),
      host_line_(host_line_for(host_, port, tls)),
      self_(std::make_shared<Origin*>(this)) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host_, error);
  if (error) return;
  numeric_ = true;
  addresses_.push_back(address_of({address, port_}));
}

Origin::~Origin() { *self_ = nullptr; }

std::expected<UpstreamPtr, UpstreamFailure> Origin::acquire(UpstreamUser& user, Wanted wanted) {
  while (wanted != Wanted::fresh && !idle_.empty()) {
    UpstreamPtr pooled = std::move(idle_.back());
    idle_.pop_back();
    DeadlineWheel::clear(*pooled);
    if (wanted == Wanted::verified && !pooled->stream_.probe_alive()) {
      discard(std::move(pooled));
      continue;
    }
    pooled->reused_ = true;
    pooled->user_ = &user;
    pooled->stream_.forget_sent();
    return pooled;
  }
  if (open_ >= context_.limits.connections) return std::unexpected(UpstreamFailure::busy);
  count_open(true);
  auto made = std::make_unique<UpstreamConnection>(*this);
  made->user_ = &user;
  const bool stale = !numeric_ && context_.loop.now() - resolved_at_ > kResolvedFor;
  if (addresses_.empty() || stale) {
    made->resolving_ = addresses_.empty();
    if (made->resolving_) waiting_.push_back(made.get());
    resolve();
  }
  if (!made->resolving_) made->connect_now();
  return made;
}

void Origin::count_open(bool opened) {
  const std::uint64_t before = context_.connections.load(std::memory_order_relaxed);
  context_.connections.store(opened ? before + 1 : before - 1, std::memory_order_relaxed);
  open_ = opened ? open_ + 1 : open_ - 1;
}

void Origin::release(UpstreamPtr connection) {
  connection->user_ = nullptr;
  connection->in_.reset();
  context_.loop.wheel().set(*connection, context_.loop.now() + context_.limits.idle);
  idle_.push_back(std::move(connection));
}

void Origin::discard(UpstreamPtr connection) {
  count_open(false);
  connection->user_ = nullptr;
  std::erase(waiting_, connection.get());
  connection->stream_.close();
  context_.loop.defer([dead = std::move(connection)] {});
}

void Origin::forget_idle(UpstreamConnection& connection) {
  const auto found = std::ranges::find(idle_, &connection, [](const UpstreamPtr& each) { return each.get(); });
  if (found == idle_.end()) return;
  UpstreamPtr dead = std::move(*found);
  idle_.erase(found);
  discard(std::move(dead));
}

void Origin::resolve() {
  if (resolving_) return;
  resolving_ = true;
  using boost::asio::ip::tcp;
  auto resolver = std::make_shared<tcp::resolver>(context_.background);
  auto done = [resolver, self = self_, mailbox = context_.loop.mailbox()](const boost::system::error_code& error,
                                                                          const tcp::resolver::results_type& results) {
    std::vector<SocketAddress> found;
    if (!error) {
      for (const auto& entry : results) found.push_back(address_of(entry.endpoint()));
    }
    mailbox->post([self, found = std::move(found)]() mutable {
      if (*self != nullptr) (*self)->on_resolved(std::move(found));
    });
  };
  resolver->async_resolve(host_, std::to_string(port_), tcp::resolver::numeric_service, std::move(done));
}

void Origin::on_resolved(std::vector<SocketAddress> found) {
  resolving_ = false;
  if (!found.empty()) {
    addresses_ = std::move(found);
    resolved_at_ = context_.loop.now();
    next_address_ = 0;
  }
  // One that is told may give itself or others back.
  while (!waiting_.empty()) {
    UpstreamConnection* const next = waiting_.back();
    waiting_.pop_back();
    next->resolved(!addresses_.empty());
  }
}

}  // namespace keyfob::http
