#include "http/beast_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio.hpp>

namespace keyfob::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// A server and a raw client socket on one context that runs only while a test waits for something.
class BeastServerTest : public testing::Test {
 protected:
  BeastServer serve(StagedHandler handler) {
    auto server = BeastServer::listen_staged(io_.get_executor(), "127.0.0.1:0", std::move(handler));
    EXPECT_TRUE(server) << server.error().what;
    return std::move(*server);
  }

  BeastServer serve_body(std::string body, StagedResponse::Ending ending, std::size_t cut_at = 0) {
    return serve([=](Request) -> asio::awaitable<StagedResponse> {
      StagedResponse staged;
      staged.response.body = body;
      staged.ending = ending;
      staged.cut_at = cut_at;
      co_return staged;
    });
  }

  /// Everything the server sends on one connection for `wire`, until it closes.
  std::string exchange(const BeastServer& server, std::string wire) {
    std::string got;
    const std::uint16_t port = server.port();
    const auto run = [this, port, wire, &got]() -> asio::awaitable<void> {
      tcp::socket socket(io_);
      const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
      co_await socket.async_connect(endpoint, asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(wire), asio::use_awaitable);
      const auto [error, n] =
          co_await asio::async_read(socket, asio::dynamic_buffer(got), asio::as_tuple(asio::use_awaitable));
      last_error_ = error;
    };
    bool done = false;
    asio::co_spawn(io_, run, [&](std::exception_ptr) { done = true; });
    while (!done) io_.run_one();
    return got;
  }

  asio::io_context io_;
  boost::system::error_code last_error_;
};

constexpr auto kCloseGet = "GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_F(BeastServerTest, hands_the_handler_the_request_and_sends_its_answer) {
  const auto server = serve([](Request request) -> asio::awaitable<StagedResponse> {
    StagedResponse staged;
    staged.response.status = 201;
    staged.response.headers = {{"x-seen", request.method + " " + request.target}};
    staged.response.body = request.body;
    co_return staged;
  });
  const std::string got =
      exchange(server, "POST /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 201 Created\r\n"));
  EXPECT_THAT(got, HasSubstr("x-seen: POST /p?q\r\n"));
  EXPECT_THAT(got, HasSubstr("content-length: 3\r\n"));
  EXPECT_THAT(got, EndsWith("\r\n\r\nabc"));
}

TEST_F(BeastServerTest, keeps_a_connection_and_answers_pipelined_requests_in_order) {
  int count = 0;
  const auto server = serve([&count](Request) -> asio::awaitable<StagedResponse> {
    StagedResponse staged;
    staged.response.body = "answer" + std::to_string(++count);
    co_return staged;
  });
  const std::string got = exchange(server, std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n") + kCloseGet);
  EXPECT_THAT(got, HasSubstr("answer1HTTP/1.1 200 OK"));
  EXPECT_THAT(got, EndsWith("answer2"));
}

TEST_F(BeastServerTest, can_drop_the_connection_without_an_answer) {
  const auto server = serve_body("secret", StagedResponse::Ending::dropped);
  EXPECT_EQ(exchange(server, kCloseGet), "");
  EXPECT_EQ(last_error_, asio::error::eof);
}

TEST_F(BeastServerTest, can_reset_the_connection) {
  const auto server = serve_body("secret", StagedResponse::Ending::reset);
  EXPECT_EQ(exchange(server, kCloseGet), "");
  EXPECT_EQ(last_error_, asio::error::connection_reset);
}

TEST_F(BeastServerTest, can_cut_the_body_short_of_its_promised_length) {
  const auto server = serve_body("0123456789", StagedResponse::Ending::cut, 4);
  const std::string got = exchange(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(got, HasSubstr("content-length: 10\r\n"));
  EXPECT_THAT(got, EndsWith("\r\n\r\n0123"));
}

TEST_F(BeastServerTest, answers_400_to_what_is_not_http_and_closes) {
  const auto server = serve_body("never", StagedResponse::Ending::whole);
  EXPECT_THAT(exchange(server, "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(BeastServerTest, answers_500_when_the_handler_throws) {
  const auto server = serve([](Request) -> asio::awaitable<StagedResponse> {
    throw std::runtime_error("broken");
    co_return StagedResponse{};
  });
  EXPECT_THAT(exchange(server, kCloseGet), StartsWith("HTTP/1.1 500 "));
}

TEST_F(BeastServerTest, stop_closes_idle_connections_and_refuses_new_ones) {
  auto server = serve_body("x", StagedResponse::Ending::whole);
  tcp::socket idle(io_);
  idle.connect({asio::ip::address_v4::loopback(), server.port()});
  io_.poll();
  server.stop();
  io_.run_for(Milliseconds(2000));
  char byte = 0;
  boost::system::error_code error;
  idle.read_some(asio::buffer(&byte, 1), error);
  EXPECT_EQ(error, asio::error::eof);
  tcp::socket late(io_);
  late.connect({asio::ip::address_v4::loopback(), server.port()}, error);
  EXPECT_EQ(error, asio::error::connection_refused);
}

TEST(BeastServerEndpoints, that_cannot_be_read_or_bound_are_told_apart) {
  asio::io_context io;
  const auto handler = [](Request) -> asio::awaitable<Response> { co_return Response{}; };
  for (const char* bad : {"", "127.0.0.1", "localhost:1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:1x"}) {
    const auto server = BeastServer::listen(io.get_executor(), bad, handler);
    ASSERT_FALSE(server) << bad;
    EXPECT_EQ(server.error().code, ErrorCode::invalid_argument) << bad;
  }
  const auto first = BeastServer::listen(io.get_executor(), "127.0.0.1:0", handler);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->origin(), "http://127.0.0.1:" + std::to_string(first->port()));
  tcp::acceptor taken(io, {asio::ip::address_v4::loopback(), 0}, false);
  const auto second =
      BeastServer::listen(io.get_executor(), "127.0.0.1:" + std::to_string(taken.local_endpoint().port()), handler);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace keyfob::http
