#pragma once
// BeastServer: a small, comfortable HTTP/1.1 server for programs where comfort counts more than microseconds, such as
// the simulator. Keyfob's own listener is another server (http/listener). No TLS; meant for loopback.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "http/message.hpp"

namespace keyfob::http {

/// A response together with the way its delivery ends, so that a test server can misbehave on purpose. Delays are the
/// handler's own business: it is a coroutine and may wait before it answers.
struct StagedResponse {
  enum class Ending : std::uint8_t {
    whole,    ///< delivered as it is
    dropped,  ///< the connection is closed without a byte of answer
    reset,    ///< as dropped, by TCP RST
    cut,      ///< the head promises the whole body, `cut_at` bytes of it are sent, then the connection is closed
  };
  Response response{};
  Ending ending = Ending::whole;
  std::size_t cut_at = 0;  ///< bytes of the body, for Ending::cut
};

using StagedHandler = std::function<boost::asio::awaitable<StagedResponse>(Request)>;

/// Limits of one server.
struct BeastServerLimits {
  std::size_t header_bytes = 64 * 1024;
  std::size_t body_bytes = 16 * 1024 * 1024;
  Milliseconds idle{75'000};  ///< for reading one request and for writing one answer
};

/// Listens from construction to stop(). Keep-alive and pipelining; header names are sent as the handler spelled them,
/// the server adds only content-length (and `connection` where needed). A handler that throws answers 500.
///
/// Threads: connections run on strands of the executor given; the handler may be called from all of its threads at
/// once. Lifetime: the object may be destroyed at any time, which is stop(); handlers in flight finish on the
/// executor, their answers are discarded.
class BeastServer {
 public:
  /// Binds "ADDRESS:PORT" ("127.0.0.1:0" picks a free port; IPv6 in brackets; names are not resolved).
  /// Fails with invalid_argument for a malformed endpoint and unavailable when it cannot be bound.
  [[nodiscard]] static Result<BeastServer> listen(boost::asio::any_io_executor executor, std::string_view endpoint,
                                                  Handler handler, BeastServerLimits limits = {});
  [[nodiscard]] static Result<BeastServer> listen_staged(boost::asio::any_io_executor executor,
                                                         std::string_view endpoint, StagedHandler handler,
                                                         BeastServerLimits limits = {});

  BeastServer(BeastServer&&) noexcept;
  BeastServer& operator=(BeastServer&&) noexcept;
  ~BeastServer();

  [[nodiscard]] std::uint16_t port() const;
  /// "http://127.0.0.1:7421"
  [[nodiscard]] std::string origin() const;
  /// Stops listening and closes every connection. Idempotent; from any thread.
  void stop() noexcept;

 private:
  struct State;
  explicit BeastServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace keyfob::http
