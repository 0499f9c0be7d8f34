#pragma once
// Client: one HTTP/1.1 exchange at a time with whoever answers tokens and identities. Careful rather than fast: it
// always knows whether a request may have reached the server.

#include <boost/asio/awaitable.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/wiped_string.hpp"
#include "http/message.hpp"

namespace keyfob::http {

struct ClientConfig {
  std::string ca_file{};                 ///< PEM; empty: the system's certificates
  std::string proxy{};                   ///< "http://proxy:3128": https origins off this machine go through CONNECT
  std::size_t header_bytes = 32 * 1024;  ///< largest response head
  std::size_t idle_connections = 256;    ///< kept per origin and execution context
  Milliseconds idle = seconds(4);        ///< an idle connection is not used again after this
};

/// Everything that can hold a secret is wiped when it goes.
struct ClientRequest {
  std::string method = "GET";
  std::string origin{};                 ///< "https://auth.smartcar.com"; plain http for loopback only
  WipedString target = wiped_string();  ///< path and query
  std::vector<std::pair<std::string, WipedString>> headers{};  ///< Host is added, Content-Length where it is missing
  WipedString body = wiped_string();
};

struct ClientLimits {
  BootTime send_before;  ///< looked at again right before the first byte; connecting may last no longer
  BootTime give_up_at;   ///< for all of it
  std::size_t body_bytes = 64 * 1024;
};

struct ClientResponse {
  int status = 0;
  std::vector<Header> headers{};
  WipedString body = wiped_string();
  bool cut = false;  ///< the body is not all: longer than the limit, or the connection ended before it did
};

/// No response head came.
struct ClientFailure {
  bool sent = false;  ///< true: the server may have received the request. False: it has not, certainly
  ErrorCode code = ErrorCode::unavailable;  ///< unavailable, timeout, cancelled, limit; invalid_argument: never sent
  std::string what{};                       ///< in our words; holds no secret
};

using ClientOutcome = std::expected<ClientResponse, ClientFailure>;

/// TLS 1.2+ with SNI, the peer's certificate and name verified; keep-alive pool; redirects are answers like others.
///
/// Threads: exchange() from any number of threads at once. Each call runs on the awaiting coroutine's executor, which
/// must be single-threaded or a strand, and uses pooled connections of the same execution context only.
/// Lifetime: exchanges under way keep what they need; pooled connections must be gone (the Client destroyed) before
/// their execution context is.
/// Cancellation: terminal; closes the connection and answers `cancelled`.
class Client {
 public:
  /// The time for deadlines (CLOCK_BOOTTIME). Called from any thread that exchanges.
  using Now = std::function<BootTime()>;

  /// invalid_argument: the CA file or the proxy cannot be used.
  [[nodiscard]] static Result<Client> create(ClientConfig config, Now now);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// Never throws. A request is written at most once; only when a reused connection proves closed before its first
  /// byte was taken, another one is opened.
  [[nodiscard]] boost::asio::awaitable<ClientOutcome> exchange(ClientRequest request, ClientLimits limits) const;

 private:
  struct State;
  class Exchange;
  static boost::asio::awaitable<ClientOutcome> perform(std::unique_ptr<Exchange> exchange);
  explicit Client(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace keyfob::http
