#include "testing/net/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace keyfob::testing {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string chunked_body(Socket& socket, bool& whole) {
  std::string body;
  for (;;) {
    const std::string line = socket.read_until("\r\n");
    if (!line.ends_with("\r\n")) return body;
    const auto size = static_cast<std::size_t>(std::strtoul(line.c_str(), nullptr, 16));
    if (size == 0) {
      whole = socket.read_until("\r\n") == "\r\n";
      return body;
    }
    const std::string data = socket.read_exactly(size + 2);
    body += data.substr(0, std::min(size, data.size()));
    if (data.size() != size + 2) return body;
  }
}

void parse_head(Message& message) {
  std::string_view rest = message.raw_head;
  bool first = true;
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    if (line.empty()) return;
    if (std::exchange(first, false)) {
      message.start_line = line;
      continue;
    }
    const auto colon = line.find(':');
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    while (value.starts_with(' ')) value.remove_prefix(1);
    message.headers.emplace_back(lower(line.substr(0, colon)), value);
  }
}

}  // namespace

Socket::Socket(int fd) : fd_(fd) {
  const timeval limit{10, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(unread_, other.unread_);
  return *this;
}

Socket Socket::connect(const std::string& endpoint) {
  if (endpoint.starts_with("unix:")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    endpoint.copy(address.sun_path, sizeof address.sun_path - 1, 5);
    Socket made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(made.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) made.close();
    return made;
  }
  const auto colon = endpoint.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(colon + 1))));
  inet_pton(AF_INET, endpoint.substr(0, colon).c_str(), &address.sin_addr);
  Socket made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(made.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(made.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) made.close();
  return made;
}

void Socket::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Socket::finish_writing() { shutdown(fd_, SHUT_WR); }

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

bool Socket::fill() {
  std::array<char, 65536> block;
  const ssize_t got = recv(fd_, block.data(), block.size(), 0);
  if (got <= 0) return false;
  unread_.append(block.data(), static_cast<std::size_t>(got));
  return true;
}

std::string Socket::read_until(std::string_view end) {
  std::size_t at = unread_.find(end);
  while (at == std::string::npos && fill()) at = unread_.find(end);
  return read_exactly(at == std::string::npos ? unread_.size() : at + end.size());
}

std::string Socket::read_exactly(std::size_t size) {
  while (unread_.size() < size && fill()) {
  }
  std::string taken = unread_.substr(0, size);
  unread_.erase(0, size);
  return taken;
}

std::string Socket::read_all() {
  while (fill()) {
  }
  return std::exchange(unread_, {});
}

bool Socket::at_end() {
  if (!unread_.empty()) return false;
  char byte = 0;
  const ssize_t got = recv(fd_, &byte, 1, 0);
  if (got > 0) unread_ += byte;
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

int Message::status() const {
  return start_line.size() < 12 ? 0 : static_cast<int>(std::strtol(start_line.c_str() + 9, nullptr, 10));
}

std::string Message::header(std::string_view name) const {
  for (const auto& [own, value] : headers) {
    if (own == name) return value;
  }
  return {};
}

Message read_head(Socket& socket) {
  Message message;
  message.raw_head = socket.read_until("\r\n\r\n");
  parse_head(message);
  return message;
}

void read_body(Socket& socket, Message& message, bool to_head) {
  const bool response = message.start_line.starts_with("HTTP/");
  const int status = response ? message.status() : 0;
  if (to_head || (response && (status < 200 || status == 204 || status == 304))) {
    message.whole = message.raw_head.ends_with("\r\n\r\n");
  } else if (message.header("transfer-encoding") == "chunked") {
    message.body = chunked_body(socket, message.whole);
  } else if (!message.header("content-length").empty()) {
    const auto size = static_cast<std::size_t>(std::stoull(message.header("content-length")));
    message.body = socket.read_exactly(size);
    message.whole = message.body.size() == size;
  } else if (response) {
    message.body = socket.read_all();
    message.whole = true;
  } else {
    message.whole = message.raw_head.ends_with("\r\n\r\n");
  }
}

Message read_message(Socket& socket, bool to_head) {
  Message message = read_head(socket);
  read_body(socket, message, to_head);
  return message;
}

ScriptedOrigin::ScriptedOrigin(Script script) : script_(std::move(script)) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(fd_, 64) != 0) {
    throw std::runtime_error("cannot listen on loopback");
  }
  getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedOrigin::~ScriptedOrigin() {
  shutdown(fd_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(fd_);
}

std::string ScriptedOrigin::endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

void ScriptedOrigin::accept_all() {
  for (;;) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int number = ++connections_;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd, number] {
      Socket caller(fd);
      script_(caller, number);
      const std::lock_guard inner(mutex_);
      std::erase(open_, fd);
    });
  }
}

ScriptedOrigin::Script answer_each(std::function<std::string(const Message&)> answer) {
  return [answer = std::move(answer)](Socket& caller, int) {
    for (;;) {
      const Message request = read_message(caller);
      if (!request.whole) return;
      caller.write(answer(request));
    }
  };
}

std::string ok_response(std::string_view body, std::string_view extra_lines) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(extra_lines) +
         "\r\n" + std::string(body);
}

}  // namespace keyfob::testing
