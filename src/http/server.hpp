#pragma once
// Server: HTTP/1.1 listeners on TCP (SO_REUSEPORT) and Unix sockets, with or without TLS, one event loop per thread.
// What requests mean is the Service's business (http/exchange.hpp). RFC 9112, strict.
//
// Requests of one connection are served in order; a connection stays on its thread. Nothing on the way of a forwarded
// request allocates once the pools are warm.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "http/exchange.hpp"
#include "http/limits.hpp"
#include "http/loop_kind.hpp"
#include "http/tls.hpp"

namespace keyfob::http {

class Worker;  ///< one thread of a server: where a Service gets its Origins (http/worker.hpp)

struct ServerConfig {
  std::vector<std::string> listen;  ///< "127.0.0.1:7420", "[::1]:0", "unix:/run/keyfob.sock"; port 0: any
  std::optional<TlsFiles> tls{};    ///< for the TCP listeners; Unix sockets speak plain HTTP
  std::size_t threads = 1;
  LoopKind event_loop = LoopKind::automatic;
  Limits limits{};
  UpstreamLimits upstream{};
  std::string ca_file{};                        ///< trusted for https origins; empty: the system's
  std::vector<std::string> private_prefixes{};  ///< "keyfob-": such headers are never forwarded, in either direction
};

/// Makes the Service of one thread; called on the starting thread, before that worker serves.
using ServiceFactory = std::function<Result<std::unique_ptr<Service>>(Worker&)>;

struct ServerStats {
  std::uint64_t connections = 0;  ///< open now
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  std::uint64_t upstream_connections = 0;  ///< open now, in use or kept for the next request
};

class Server {
 public:
  /// Binds and starts its threads. Handlers and name resolution run on `background`, which must outlive the server and
  /// be run by somebody else. invalid_argument: an address or file is wrong; unavailable: cannot bind.
  static Result<std::unique_ptr<Server>> start(ServerConfig config, const ServiceFactory& factory,
                                               boost::asio::any_io_executor background);
  virtual ~Server() = default;  ///< stops at once: open exchanges are cut

  /// The bound addresses, in the order of `listen`, with real ports.
  [[nodiscard]] virtual std::vector<std::string> endpoints() const = 0;
  [[nodiscard]] virtual ServerStats stats() const = 0;
  /// What its threads wait with: "epoll", "io_uring".
  [[nodiscard]] virtual std::string_view event_loop() const = 0;
  /// Stops listening, closes idle connections, lets exchanges under way finish for at most `grace`; returns when all
  /// threads have ended. True: nothing had to be cut.
  virtual bool drain(Milliseconds grace) = 0;
};

/// A Service that hands every request to one handler: for tests and for listeners without a gateway. The handler is
/// copied once per thread.
[[nodiscard]] ServiceFactory serve_handler(Handler handler);

}  // namespace keyfob::http
