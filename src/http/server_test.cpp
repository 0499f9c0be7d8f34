#include "http/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/thread_pool.hpp>
#include <future>

#include "testing/net/loop_under_test.hpp"
#include "testing/net/sockets.hpp"

namespace keyfob::http {
namespace {

using ::testing::HasSubstr;
using testing::Message;
using testing::read_message;
using testing::Socket;
using ::testing::StartsWith;

/// Echoes method, target and body.
boost::asio::awaitable<Response> echo(Request request) {
  Response response;
  response.headers.push_back({"X-Peer", request.peer});
  response.body = request.method + ' ' + request.target + ' ' + request.body;
  co_return response;
}

class ServerTest : public ::testing::Test {
 protected:
  ~ServerTest() override {
    server_.reset();
    background_.join();
  }

  void start(ServerConfig config, Handler handler = echo) {
    if (config.listen.empty()) config.listen = {"127.0.0.1:0"};
    config.event_loop = testing::loop_under_test();
    auto started = Server::start(std::move(config), serve_handler(std::move(handler)), background_.get_executor());
    ASSERT_TRUE(started.has_value()) << started.error().what;
    server_ = std::move(*started);
  }
  Socket client() { return Socket::connect(server_->endpoints().front()); }
  Message ask(std::string_view request) {
    Socket socket = client();
    socket.write(request);
    return read_message(socket);
  }

  boost::asio::thread_pool background_{1};
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, answers_a_request_through_a_handler) {
  start({});
  const Message answer = ask("GET /hello?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "GET /hello?x=1 ");
  EXPECT_THAT(answer.header("x-peer"), StartsWith("127.0.0.1:"));
  EXPECT_FALSE(answer.header("date").empty());
}

TEST_F(ServerTest, keeps_the_connection_for_the_next_request) {
  start({});
  Socket socket = client();
  for (int i = 0; i < 3; ++i) {
    socket.write("POST /n HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_EQ(read_message(socket).body, "POST /n hi");
  }
  EXPECT_EQ(server_->stats().accepted, 1U);
  EXPECT_EQ(server_->stats().requests, 3U);
}

TEST_F(ServerTest, answers_pipelined_requests_in_their_order) {
  start({});
  Socket socket = client();
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n" +
           std::string(1, char('a' + i));
  }
  socket.write(all);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(read_message(socket).body, "POST /" + std::to_string(i) + ' ' + char('a' + i));
  }
}

TEST_F(ServerTest, puts_a_chunked_body_together_and_drops_its_trailers) {
  start({});
  Socket socket = client();
  socket.write(
      "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: v\r\n\r\n"
      "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(read_message(socket).body, "POST /c abcde");
  EXPECT_EQ(read_message(socket).body, "GET /next ");
}

TEST_F(ServerTest, takes_a_request_byte_by_byte) {
  start({});
  Socket socket = client();
  for (const char c : std::string_view("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz")) {
    socket.write({&c, 1});
  }
  EXPECT_EQ(read_message(socket).body, "POST /slow xyz");
}

TEST_F(ServerTest, answers_an_expectation_before_the_body_comes) {
  start({});
  Socket socket = client();
  socket.write("POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.write("abc");
  EXPECT_EQ(read_message(socket).body, "POST /e abc");
}

TEST_F(ServerTest, sends_no_body_in_answer_to_head) {
  start({});
  Socket socket = client();
  socket.write("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(read_message(socket, true).header("content-length"), "8");
  EXPECT_EQ(read_message(socket).body, "GET /n ");
}

TEST_F(ServerTest, closes_after_connection_close) {
  start({});
  Socket socket = client();
  socket.write("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(read_message(socket).header("connection"), "close");
  EXPECT_TRUE(socket.at_end());
}

TEST_F(ServerTest, serves_a_caller_that_has_finished_sending) {
  start({});
  Socket socket = client();
  socket.write("GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
  socket.finish_writing();
  EXPECT_EQ(read_message(socket).body, "GET /half ");
  EXPECT_TRUE(socket.at_end());
}

TEST_F(ServerTest, refuses_a_head_that_is_not_strict_and_closes) {
  start({});
  Socket socket = client();
  socket.write("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc");
  const Message answer = read_message(socket);
  EXPECT_EQ(answer.status(), 400);
  EXPECT_EQ(answer.header("content-type"), "application/problem+json");
  EXPECT_TRUE(socket.at_end());
}

TEST_F(ServerTest, refuses_a_body_beyond_the_limit) {
  ServerConfig config;
  config.limits.body_bytes = 10;
  start(std::move(config));
  EXPECT_EQ(ask("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n").status(), 413);
  EXPECT_EQ(ask("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n").status(), 413);
}

TEST_F(ServerTest, answers_500_when_the_handler_throws) {
  start({}, [](Request) -> boost::asio::awaitable<Response> {
    throw std::runtime_error("no");
    co_return Response{};
  });
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 500);
}

TEST_F(ServerTest, gives_up_on_a_head_that_does_not_end) {
  ServerConfig config;
  config.limits.head = Milliseconds(200);
  start(std::move(config));
  Socket socket = client();
  socket.write("GET / HTTP/1.1\r\n");
  EXPECT_EQ(read_message(socket).status(), 408);
  EXPECT_TRUE(socket.at_end());
}

TEST_F(ServerTest, closes_a_connection_that_stays_idle) {
  ServerConfig config;
  config.limits.idle = Milliseconds(200);
  start(std::move(config));
  Socket socket = client();
  EXPECT_TRUE(socket.at_end());
}

TEST_F(ServerTest, knows_the_uid_behind_a_unix_socket) {
  const std::string path = ::testing::TempDir() + "server_test_" + std::to_string(getpid()) + ".sock";
  ServerConfig config;
  config.listen = {"unix:" + path};
  config.threads = 2;
  start(std::move(config));
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").header("x-peer"), "unix:uid=" + std::to_string(getuid()));
  server_.reset();
  unlink(path.c_str());
}

TEST_F(ServerTest, serves_on_several_threads_over_one_port) {
  ServerConfig config;
  config.threads = 3;
  start(std::move(config));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask("GET /t HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
  EXPECT_EQ(server_->stats().requests, 20U);
}

TEST_F(ServerTest, lets_further_callers_wait_when_it_is_full) {
  ServerConfig config;
  config.limits.connections = 1;
  start(std::move(config));
  Socket first = client();
  first.write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(read_message(first).status(), 200);
  Socket second = client();
  second.write("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  first.close();
  EXPECT_EQ(read_message(second).body, "GET /2 ");
}

TEST_F(ServerTest, drains_without_cutting_a_request_under_way) {
  std::promise<void> called;
  std::promise<void> go;
  start({}, [&](Request) -> boost::asio::awaitable<Response> {
    called.set_value();
    go.get_future().wait();
    co_return Response{.body = "done"};
  });
  Socket idle = client();
  Socket busy = client();
  busy.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  called.get_future().wait();
  auto drained = std::async(std::launch::async, [this] { return server_->drain(seconds(10)); });
  EXPECT_TRUE(idle.at_end());
  go.set_value();
  const Message answer = read_message(busy);
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.header("connection"), "close");
  busy.close();
  EXPECT_TRUE(drained.get());
}

TEST_F(ServerTest, outlives_a_caller_that_hangs_up_while_its_handler_works) {
  std::promise<void> called;
  std::promise<void> go;
  start({}, [&](Request request) -> boost::asio::awaitable<Response> {
    if (request.target != "/slow") co_return Response{};
    called.set_value();
    go.get_future().wait();
    co_return Response{};
  });
  Socket gone = client();
  gone.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  called.get_future().wait();
  gone.reset();
  go.set_value();
  EXPECT_EQ(ask("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
}

TEST_F(ServerTest, says_what_is_wrong_with_an_address) {
  const auto started = Server::start({.listen = {"nonsense"}}, serve_handler(echo), background_.get_executor());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace keyfob::http
