#pragma once
// RawServer: a loopback server that does to each connection exactly what a test says, byte for byte.

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keyfob::testing {

/// One accepted connection, given to the script of a test. Everything runs on the test's io_context.
class RawPeer {
 public:
  using Tcp = boost::asio::ip::tcp;
  explicit RawPeer(Tcp::socket socket) : socket_(std::move(socket)) {}

  /// One whole request (head and content-length body); empty when the client is gone.
  boost::asio::awaitable<std::string> request() {
    std::string out;
    const auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    for (;;) {
      const auto head = buffered_.find("\r\n\r\n");
      if (head != std::string::npos && buffered_.size() >= head + 4 + length_in(head)) {
        out = buffered_.substr(0, head + 4 + length_in(head));
        buffered_.erase(0, out.size());
        co_return out;
      }
      char block[4096];
      const auto [error, size] = co_await socket_.async_read_some(boost::asio::buffer(block), token);
      if (error) co_return out;
      buffered_.append(block, size);
    }
  }
  boost::asio::awaitable<void> send(std::string bytes) {
    const auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
    co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes), token);
  }
  /// Resumes when the client has closed the connection.
  boost::asio::awaitable<void> wait_for_end() {
    std::string rest = co_await request();
    while (!rest.empty()) rest = co_await request();
  }
  /// TCP RST instead of FIN.
  void reset() {
    socket_.set_option(boost::asio::socket_base::linger(true, 0));
    socket_.close();
  }
  void close() { socket_.close(); }
  Tcp::socket& socket() { return socket_; }

 private:
  [[nodiscard]] std::size_t length_in(std::size_t head) const {
    const auto at = buffered_.find("Content-Length: ");
    return at < head ? std::stoul(buffered_.substr(at + 16)) : 0;
  }

  Tcp::socket socket_;
  std::string buffered_;
};

class RawServer {
 public:
  using Tcp = boost::asio::ip::tcp;
  using Script = std::function<boost::asio::awaitable<void>(std::shared_ptr<RawPeer>)>;

  /// Every connection runs `script`; it is closed when the script ends.
  RawServer(boost::asio::io_context& context, Script script)
      : acceptor_(context, {boost::asio::ip::address_v4::loopback(), 0}), script_(std::move(script)) {
    accept();
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] std::string origin() const { return "http://127.0.0.1:" + std::to_string(port()); }
  [[nodiscard]] int connections() const { return connections_; }
  void stop() { acceptor_.close(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
      if (error) return;
      ++connections_;
      auto peer = std::make_shared<RawPeer>(std::move(socket));
      boost::asio::co_spawn(acceptor_.get_executor(), script_(std::move(peer)), boost::asio::detached);
      accept();
    });
  }

  Tcp::acceptor acceptor_;
  Script script_;
  int connections_ = 0;
};

/// Answers every request of a connection with `answer(request)`, keeping the connection; remembers the requests.
inline RawServer::Script answering(std::function<std::string(const std::string&)> answer,
                                   std::vector<std::string>* seen = nullptr) {
  return [answer, seen](std::shared_ptr<RawPeer> peer) -> boost::asio::awaitable<void> {
    for (;;) {
      const std::string request = co_await peer->request();
      if (request.empty()) co_return;
      if (seen != nullptr) seen->push_back(request);
      std::string bytes = answer(request);
      co_await peer->send(std::move(bytes));
    }
  };
}

}  // namespace keyfob::testing
