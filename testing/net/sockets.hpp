#pragma once
// Plain blocking sockets on loopback for tests that need to see and say every byte: a raw client, and an origin whose
// connections are played by a script.

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace keyfob::testing {

/// A connected socket. Reads give up after ten seconds, so a test that waits in vain fails instead of hanging.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd);
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), unread_(std::move(other.unread_)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  /// "127.0.0.1:PORT" or "unix:/path".
  static Socket connect(const std::string& endpoint);

  void write(std::string_view bytes);
  void finish_writing();
  void close();
  void reset();  ///< closes by RST
  [[nodiscard]] bool connected() const { return fd_ >= 0; }
  [[nodiscard]] int descriptor() const { return fd_; }

  /// Up to and including `end`; what came before the end of the stream when it never comes.
  std::string read_until(std::string_view end);
  std::string read_exactly(std::size_t size);
  std::string read_all();
  /// Whether the peer closed without sending anything more.
  bool at_end();

 private:
  bool fill();
  int fd_ = -1;
  std::string unread_;
};

struct Message {
  std::string start_line;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;                                          ///< decoded
  std::string raw_head;
  bool whole = false;  ///< the body was as long as the head said

  [[nodiscard]] int status() const;
  [[nodiscard]] std::string header(std::string_view name) const;  ///< empty when there is none
};
/// Reads one message; for responses to HEAD say so.
Message read_message(Socket& socket, bool to_head = false);
/// The same in two steps.
Message read_head(Socket& socket);
void read_body(Socket& socket, Message& message, bool to_head = false);

/// Listens on a free port of 127.0.0.1; each connection runs `script` on a thread of its own.
class ScriptedOrigin {
 public:
  using Script = std::function<void(Socket& caller, int number)>;  ///< connections are numbered from 1
  explicit ScriptedOrigin(Script script);
  ~ScriptedOrigin();

  [[nodiscard]] std::string endpoint() const;
  [[nodiscard]] std::string url() const { return "http://" + endpoint(); }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept_all();

  Script script_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::list<std::thread> threads_;
  std::vector<int> open_;
  std::thread acceptor_;
};

/// Answers every request of every connection with what `answer` makes of it (a whole response as bytes).
ScriptedOrigin::Script answer_each(std::function<std::string(const Message&)> answer);
/// "HTTP/1.1 200 OK", Content-Length and the body.
std::string ok_response(std::string_view body, std::string_view extra_lines = {});

}  // namespace keyfob::testing
