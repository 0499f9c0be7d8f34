#pragma once
// ClientConnection: one outgoing connection of Client, plain or TLS. Internal to the client.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/client.hpp"

namespace keyfob::http {

/// Where a connection leads.
struct ClientRoute {
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;
  std::string via_host{};  ///< a proxy; empty: straight
  std::uint16_t via_port = 0;
};

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  using Pointer = std::shared_ptr<ClientConnection>;
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  explicit ClientConnection(const boost::asio::any_io_executor& executor);

  /// Resolves, connects, asks the proxy, shakes hands. A failure has sent == false.
  Awaitable<std::expected<void, ClientFailure>> open(ClientRoute route, boost::asio::ssl::context& tls,
                                                     Milliseconds at_most);

  struct Written {
    bool whole = false;
    bool none = false;  ///< certainly no byte has left
  };
  /// `wire` must outlive the call.
  Awaitable<Written> write(std::string_view wire);

  struct ReadLimits {
    std::size_t header_bytes;
    std::size_t body_bytes;
    bool head = false;  ///< the answer to HEAD has no body
  };
  /// A failure has sent == true.
  Awaitable<ClientOutcome> read(ReadLimits limits);

  /// From now on until calm(), or for `at_most`, the connection is closed when the time is over.
  void watch(Milliseconds at_most);
  void calm();
  [[nodiscard]] bool timed_out() const { return timed_out_; }

  /// The executor on which the deadline acts: that of the coroutine that uses the connection now.
  void move_to(const boost::asio::any_io_executor& executor) { executor_ = executor; }
  /// An idle connection that nobody has closed or written to.
  [[nodiscard]] bool still_open();
  /// The last read left the connection ready for another request.
  [[nodiscard]] bool reusable() const { return reusable_; }

 private:
  using Tcp = boost::asio::ip::tcp;

  Awaitable<std::expected<void, ClientFailure>> connect(std::string host, std::uint16_t port);
  Awaitable<std::expected<void, ClientFailure>> ask_proxy(std::string authority);
  Awaitable<std::expected<void, ClientFailure>> shake_hands(std::string host, boost::asio::ssl::context& tls);
  [[nodiscard]] ClientFailure failure(bool sent, std::string what, const boost::system::error_code& error) const;

  boost::asio::any_io_executor executor_;
  Tcp::socket socket_;
  boost::asio::steady_timer timer_;
  std::optional<boost::asio::ssl::stream<Tcp::socket&>> tls_;
  unsigned watch_ = 0;
  bool timed_out_ = false;
  bool reusable_ = false;
};

}  // namespace keyfob::http
