#include "http/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "http/worker_core.hpp"

namespace keyfob::http {
namespace {

using Endpoint = boost::asio::ip::tcp::endpoint;

std::string text_of(const Endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' + port;
}

Endpoint endpoint_of(const sockaddr_storage& storage, socklen_t size) {
  Endpoint endpoint;
  endpoint.resize(size);
  std::memcpy(endpoint.data(), &storage, size);
  return endpoint;
}

Peer unix_peer(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  Peer peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return peer;
  peer.uid = credentials.uid;
  peer.name = "unix:uid=" + std::to_string(credentials.uid);
  return peer;
}

std::unexpected<Error> cannot_bind(int fd, const std::string& endpoint) {
  const std::string why = std::generic_category().message(errno);
  if (fd >= 0) close(fd);
  return fail(ErrorCode::unavailable, "cannot listen on " + endpoint + ": " + why,
              "free the address or choose another one");
}

std::optional<Endpoint> parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return Endpoint(address, port);
}

Result<BoundSocket> bind_tcp(const std::string& text) {
  auto endpoint = parse_endpoint(text);
  if (!endpoint) {
    return fail(ErrorCode::invalid_argument, "not an address to listen on: " + text,
                "write 127.0.0.1:7420 or unix:/path");
  }
  const int family = endpoint->address().is_v6() ? AF_INET6 : AF_INET;
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (fd < 0) return cannot_bind(fd, text);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bind(fd, endpoint->data(), static_cast<socklen_t>(endpoint->size())) != 0 || listen(fd, SOMAXCONN) != 0) {
    return cannot_bind(fd, text);
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return BoundSocket{fd, false, false, text_of(endpoint_of(bound, size))};
}

/// Whether somebody accepts on this socket file.
bool is_alive(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const bool alive = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return alive;
}

Result<BoundSocket> bind_unix(const std::string& text) {
  const std::string path = text.substr(5);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::invalid_argument, "not a path for a socket: " + text, "use a path of at most 107 bytes");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && !is_alive(address)) unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    return cannot_bind(fd, text);
  }
  return BoundSocket{fd, true, false, text};
}

/// The socket itself stays open, so that what waits in its queue outlives this listener.
Result<BoundSocket> inherit(const std::string& text) {
  int number = -1;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + 3, end, number);
  const int fd = parsed.ec == std::errc() && parsed.ptr == end ? fcntl(number, F_DUPFD_CLOEXEC, 3) : -1;
  int listening = 0;
  socklen_t size = sizeof listening;
  if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return cannot_bind(fd, text);
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  sockaddr_storage bound{};
  size = sizeof bound;
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  if (bound.ss_family == AF_UNIX) {
    const auto* address = reinterpret_cast<const sockaddr_un*>(&bound);
    return BoundSocket{fd, true, true, "unix:" + std::string(static_cast<const char*>(address->sun_path))};
  }
  return BoundSocket{fd, false, true, text_of(endpoint_of(bound, size))};
}

}  // namespace

Result<BoundSocket> bind_listener(const std::string& endpoint) {
  if (endpoint.starts_with("fd:")) return inherit(endpoint);
  return endpoint.starts_with("unix:") ? bind_unix(endpoint) : bind_tcp(endpoint);
}

Listener::~Listener() {
  worker_.loop().unwatch(fd_, *this);
  close(fd_);
}

bool Listener::watch() { return worker_.loop().watch(fd_, *this); }

void Listener::accept_all() {
  while (!worker_.full()) {
    if (!accept_one()) return;
  }
  worker_.starve();
}

bool Listener::accept_one() {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) worker_.starve();
    return errno == EINTR || errno == ECONNABORTED;
  }
  if (unix_socket_) {
    worker_.adopt(fd, unix_peer(fd), false);
    return true;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Peer peer;
  peer.name = text_of(endpoint_of(from, size));
  worker_.adopt(fd, std::move(peer), true);
  return true;
}

}  // namespace keyfob::http
