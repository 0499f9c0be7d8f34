#include "apps/keyfob/admin_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/wiped_string.hpp"

namespace keyfob::cli {
namespace {

constexpr std::size_t kLargestAnswer = 64UL * 1024 * 1024;

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> socket_failure(const std::filesystem::path& path, int number) {
  const bool refused = number == EACCES || number == EPERM;
  return fail(refused ? ErrorCode::forbidden : ErrorCode::unavailable,
              fmt::format("cannot reach the daemon at {}: {}", path.string(), std::strerror(number)),
              refused ? "run it as the user that the daemon runs as" : "is the daemon still starting? try again");
}

Result<Socket> open_socket(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.size() >= sizeof(address.sun_path))
    return fail(ErrorCode::invalid_argument, fmt::format("{} is too long for a socket address", text),
                "give [node] state_dir a path of less than 90 characters");
  std::memcpy(address.sun_path, text.data(), text.size());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return socket_failure(path, errno);
  const timeval patience{60, 0};
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return socket_failure(path, errno);
  return socket;
}

WipedString write_request(const http::Request& request) {
  auto out = wiped_string({}, request.body.size() + 1024);
  out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nhost: keyfob\r\n");
  for (const auto& [name, value] : request.headers) out.append(name).append(": ").append(value).append("\r\n");
  out.append(fmt::format("content-length: {}\r\nconnection: close\r\n\r\n", request.body.size()));
  out.append(request.body);
  return out;
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::optional<int> parse_status(std::string_view line) {
  int status = 0;
  if (!line.starts_with("HTTP/1.1 ") || line.size() < 12) return std::nullopt;
  const auto [end, failure] = std::from_chars(line.data() + 9, line.data() + 12, status);
  if (failure != std::errc() || end != line.data() + 12) return std::nullopt;
  return status;
}

bool parse_header_line(std::string_view line, http::Response& out) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  auto value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  out.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
  return true;
}

/// Status line and headers; returns where the body starts.
std::optional<std::size_t> parse_head(std::string_view bytes, http::Response& out) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view head = bytes.substr(0, end + 2);
  bool first = true;
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    if (first) {
      const auto status = parse_status(line);
      if (!status) return std::nullopt;
      out.status = *status;
    } else if (!parse_header_line(line, out)) {
      return std::nullopt;
    }
    first = false;
  }
  return end + 4;
}

std::optional<std::string> join_chunks(std::string_view bytes) {
  std::string body;
  for (;;) {
    const auto line_end = bytes.find("\r\n");
    std::size_t size = 0;
    if (line_end == std::string_view::npos) return std::nullopt;
    const auto [end, failure] = std::from_chars(bytes.data(), bytes.data() + line_end, size, 16);
    if (failure != std::errc() || end == bytes.data()) return std::nullopt;
    bytes.remove_prefix(line_end + 2);
    if (size == 0) return body;
    if (bytes.size() < size + 2) return std::nullopt;
    body.append(bytes.substr(0, size));
    bytes.remove_prefix(size + 2);
  }
}

std::optional<std::string> body_of(const http::Response& head, std::string_view rest) {
  if (const auto coding = http::find_header(head.headers, "transfer-encoding"); coding && *coding == "chunked")
    return join_chunks(rest);
  const auto length = http::find_header(head.headers, "content-length");
  if (!length) return std::string(rest);
  std::size_t size = 0;
  const auto [end, failure] = std::from_chars(length->data(), length->data() + length->size(), size);
  if (failure != std::errc() || end != length->data() + length->size() || rest.size() < size) return std::nullopt;
  return std::string(rest.substr(0, size));
}

}  // namespace

Result<http::Response> parse_whole_response(std::string_view bytes) {
  http::Response response;
  const auto head = parse_head(bytes, response);
  const auto body = head ? body_of(response, bytes.substr(*head)) : std::nullopt;
  if (!body)
    return fail(ErrorCode::timeout, "the daemon's answer was cut short; whether it took effect is not known",
                "look at what is there now before trying again");
  response.body = *body;
  return response;
}

Result<std::unique_ptr<ApiTransport>> AdminSocket::connect(const std::filesystem::path& socket) {
  if (auto reachable = open_socket(socket); !reachable) return fail(reachable.error());
  return std::make_unique<AdminSocket>(socket);
}

Result<http::Response> AdminSocket::send(http::Request request) {
  auto socket = open_socket(socket_);
  if (!socket) return fail(socket.error());
  const auto bytes = write_request(request);
  wipe(request.body.data(), request.body.size());
  if (!send_all(socket->get(), bytes)) return socket_failure(socket_, errno);
  auto answer = wiped_string({}, 16UL * 1024);
  std::array<char, 16UL * 1024> buffer{};
  for (;;) {
    const ssize_t n = ::recv(socket->get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return socket_failure(socket_, errno);
    if (n == 0 || answer.size() > kLargestAnswer) break;
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  wipe(buffer.data(), buffer.size());
  return parse_whole_response(answer);
}

}  // namespace keyfob::cli
