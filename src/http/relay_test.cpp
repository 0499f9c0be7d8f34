// The relay between a raw caller and a scripted origin: every byte on both sides is seen.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <future>
#include <mutex>

#include "http/problem.hpp"
#include "http/server.hpp"
#include "http/worker.hpp"
#include "testing/net/sockets.hpp"

namespace keyfob::http {
namespace {

using ::testing::AllOf;
using testing::answer_each;
using ::testing::HasSubstr;
using testing::Message;
using ::testing::Not;
using testing::ok_response;
using testing::read_message;
using testing::ScriptedOrigin;
using testing::Socket;
using ::testing::StartsWith;

/// What a test wants of a conversation; the defaults forward and pass.
struct Script {
  std::string url;
  std::function<void(Exchange&, Origin&)> on_request = [](Exchange& exchange, Origin& origin) {
    exchange.forward(origin);
  };
  std::function<void(Exchange&, const ResponseHead&, Origin&)> on_response = [](Exchange& exchange, const ResponseHead&,
                                                                                Origin&) { exchange.pass(); };
  std::function<void(const Outcome&)> on_end = [](const Outcome&) {};
};

class ScriptedConversation final : public Conversation {
 public:
  ScriptedConversation(const Script& script, Origin& origin) : script_(script), origin_(origin) {}
  void on_request(Exchange& exchange) override { script_.on_request(exchange, origin_); }
  void on_response(Exchange& exchange, const ResponseHead& head) override {
    script_.on_response(exchange, head, origin_);
  }
  void on_failure(Exchange& exchange, UpstreamFailure failure) override {
    constexpr std::array<std::string_view, 4> kNames = {"unreachable", "timeout", "malformed", "busy"};
    exchange.respond(Answer{.status = failure == UpstreamFailure::timeout ? 504 : 502,
                            .body = kNames.at(static_cast<std::size_t>(failure))});
  }
  void on_end(const Outcome& outcome) override { script_.on_end(outcome); }

 private:
  const Script& script_;
  Origin& origin_;
};

class ScriptedService final : public Service {
 public:
  ScriptedService(const Script& script, Origin& origin) : script_(script), origin_(origin) {}
  std::unique_ptr<Conversation> converse(const Peer&) override {
    return std::make_unique<ScriptedConversation>(script_, origin_);
  }
  Response refuse(int status, std::string_view why) override {
    return problem_response({.status = status, .code = {}, .detail = std::string(why)}, {});
  }

 private:
  const Script& script_;
  Origin& origin_;
};

class RelayTest : public ::testing::Test {
 protected:
  ~RelayTest() override {
    server_.reset();
    background_.join();
  }

  void start(const ScriptedOrigin& origin) {
    script_.url = origin.url();
    start();
  }
  void start() {
    config_.listen = {"127.0.0.1:0"};
    config_.private_prefixes = {"secret-"};
    auto factory = [this](Worker& worker) -> Result<std::unique_ptr<Service>> {
      auto origin = worker.origin(script_.url);
      if (!origin) return fail(origin.error());
      return std::make_unique<ScriptedService>(script_, **origin);
    };
    auto started = Server::start(config_, factory, background_.get_executor());
    ASSERT_TRUE(started.has_value()) << started.error().what;
    server_ = std::move(*started);
  }
  Socket client() { return Socket::connect(server_->endpoints().front()); }
  Message ask(std::string_view request) {
    Socket socket = client();
    socket.write(request);
    return read_message(socket);
  }

  ServerConfig config_;
  Script script_;
  boost::asio::thread_pool background_{1};
  std::unique_ptr<Server> server_;
};

constexpr std::string_view kGet = "GET /path?q=1 HTTP/1.1\r\nHost: proxy\r\n\r\n";

std::string post(std::string_view body) {
  return "POST /p HTTP/1.1\r\nHost: proxy\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST_F(RelayTest, passes_a_request_on_without_what_concerns_only_this_hop) {
  std::promise<Message> seen;
  ScriptedOrigin origin(answer_each([&](const Message& request) {
    seen.set_value(request);
    return ok_response("fine");
  }));
  script_.on_request = [](Exchange& exchange, Origin& to) {
    EXPECT_TRUE(exchange.inject().add("Authorization", "Bearer ", "token"));
    EXPECT_TRUE(exchange.inject().add("X-Owner", "me"));
    exchange.forward(to);
  };
  start(origin);
  const Message answer =
      ask("GET /path?q=1 HTTP/1.1\r\nHost: proxy\r\nauthorization: Bearer mine\r\nX-OWNER: somebody\r\nSecret-A: b\r\n"
          "X-Named: n\r\nConnection: x-named, keep-alive\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Authorization: p\r\n"
          "Accept:  */* \r\nX-Last: z\r\n\r\n");
  EXPECT_EQ(answer.body, "fine");
  EXPECT_EQ(seen.get_future().get().raw_head,
            "GET /path?q=1 HTTP/1.1\r\nHost: " + origin.endpoint() +
                "\r\nAccept:  */* \r\nX-Last: z\r\nAuthorization: Bearer token\r\nX-Owner: me\r\n\r\n");
}

TEST_F(RelayTest, passes_a_response_on_without_what_concerns_only_this_hop) {
  ScriptedOrigin origin(answer_each([](const Message&) {
    return "HTTP/1.1 203 As You Like\r\nX-A: 1\r\nConnection: x-b\r\nX-B: 2\r\nKeep-Alive: timeout=5\r\nSecret-C: 3\r\n"
           "X-Added: theirs\r\nContent-Length: 2\r\nTrailer: x\r\n\r\nhi";
  }));
  script_.on_response = [](Exchange& exchange, const ResponseHead& head, Origin&) {
    EXPECT_EQ(head.status, 203);
    EXPECT_TRUE(exchange.add().add("X-Added", "ours"));
    exchange.pass();
  };
  start(origin);
  const Message answer = ask(kGet);
  EXPECT_EQ(answer.raw_head, "HTTP/1.1 203 As You Like\r\nX-A: 1\r\nContent-Length: 2\r\nX-Added: ours\r\n\r\n");
  EXPECT_EQ(answer.body, "hi");
}

TEST_F(RelayTest, uses_one_upstream_connection_for_many_requests) {
  ScriptedOrigin origin(answer_each([](const Message& request) { return ok_response(request.start_line); }));
  start(origin);
  Socket socket = client();
  for (int i = 0; i < 10; ++i) {
    socket.write(kGet);
    EXPECT_EQ(read_message(socket).body, "GET /path?q=1 HTTP/1.1");
  }
  EXPECT_EQ(ask(kGet).status(), 200);
  EXPECT_EQ(origin.connections(), 1);
}

TEST_F(RelayTest, keeps_pipelined_requests_in_order) {
  ScriptedOrigin origin(answer_each([](const Message& request) { return ok_response(request.body); }));
  start(origin);
  Socket socket = client();
  std::string all;
  for (int i = 0; i < 30; ++i) all += post("body " + std::to_string(i));
  socket.write(all);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(read_message(socket).body, "body " + std::to_string(i));
}

TEST_F(RelayTest, gives_a_short_chunked_body_a_length) {
  ScriptedOrigin origin(answer_each([](const Message& request) {
    return ok_response(request.body + '|' + request.header("content-length") + '|' +
                       request.header("transfer-encoding"));
  }));
  start(origin);
  const Message answer =
      ask("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;e=f\r\ndefg\r\n0\r\nX-T: "
          "u\r\n\r\n");
  EXPECT_EQ(answer.body, "abcdefg|7|");
}

std::string patterned(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return text;
}

TEST_F(RelayTest, streams_a_body_that_is_too_large_to_keep) {
  config_.limits.replay_bytes = 1000;
  ScriptedOrigin origin(answer_each([](const Message& request) { return ok_response(request.body); }));
  bool replayable = true;
  script_.on_response = [&](Exchange& exchange, const ResponseHead&, Origin&) {
    replayable = exchange.replayable();
    exchange.pass();
  };
  start(origin);
  const std::string body = patterned(3'000'000);
  Socket socket = client();
  auto writer = std::async(std::launch::async, [&] { socket.write(post(body)); });
  const Message answer = read_message(socket);
  EXPECT_TRUE(answer.body == body);
  EXPECT_FALSE(replayable);
}

TEST_F(RelayTest, streams_a_chunked_body_that_turns_out_too_large_to_keep) {
  config_.limits.replay_bytes = 5000;
  ScriptedOrigin origin(answer_each([](const Message& request) {
    return ok_response(request.body, "X-Framing: " + request.header("transfer-encoding") + "\r\n");
  }));
  start(origin);
  const std::string piece = patterned(4096);
  Socket socket = client();
  auto writer = std::async(std::launch::async, [&] {
    socket.write("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 100; ++i) socket.write("1000\r\n" + piece + "\r\n");
    socket.write("0\r\n\r\n");
  });
  const Message answer = read_message(socket);
  EXPECT_EQ(answer.header("x-framing"), "chunked");
  EXPECT_EQ(answer.body.size(), 409'600U);
  EXPECT_TRUE(answer.body.ends_with(piece));
}

TEST_F(RelayTest, streams_chunked_and_open_ended_responses_as_chunks) {
  const std::string large = patterned(500'000);
  ScriptedOrigin origin([&](Socket& caller, int number) {
    read_message(caller);
    if (number == 1) {
      caller.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
      caller.write("3;x=y\r\nyou\r\n0\r\nX-T: 1\r\n\r\n");
      read_message(caller);
    }
    caller.write("HTTP/1.0 200 OK\r\n\r\n" + large);
  });
  start(origin);
  Socket socket = client();
  socket.write(kGet);
  const Message first = read_message(socket);
  EXPECT_EQ(first.header("transfer-encoding"), "chunked");
  EXPECT_EQ(first.body, "hiyou");
  EXPECT_TRUE(first.whole);
  socket.write(kGet);
  const Message second = read_message(socket);
  EXPECT_THAT(second.start_line, StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(second.body == large);
  EXPECT_TRUE(second.whole);
}

TEST_F(RelayTest, waits_for_a_caller_that_reads_slowly) {
  const std::string large = patterned(8'000'000);
  ScriptedOrigin origin(answer_each([&](const Message&) { return ok_response(large); }));
  start(origin);
  Socket socket = client();
  socket.write(kGet);
  std::string got = socket.read_until("\r\n\r\n");
  got.clear();
  while (got.size() < large.size())
    got += socket.read_exactly(std::min<std::size_t>(100'000, large.size() - got.size()));
  EXPECT_TRUE(got == large);
}

TEST_F(RelayTest, passes_responses_without_a_body) {
  ScriptedOrigin origin(answer_each([](const Message& request) -> std::string {
    if (request.start_line.starts_with("HEAD")) return "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n";
    if (request.start_line.starts_with("DELETE")) return "HTTP/1.1 204 No Content\r\n\r\n";
    return "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n";
  }));
  start(origin);
  Socket socket = client();
  socket.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(read_message(socket, true).header("content-length"), "1234");
  socket.write("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(read_message(socket).status(), 204);
  socket.write(kGet);
  EXPECT_EQ(read_message(socket).header("etag"), "\"x\"");
  socket.write("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(read_message(socket).status(), 204);
  EXPECT_EQ(origin.connections(), 1);
}

TEST_F(RelayTest, passes_interim_responses_but_not_100) {
  ScriptedOrigin origin(answer_each([](const Message&) {
    return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok_response("final");
  }));
  start(origin);
  Socket socket = client();
  socket.write(kGet);
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  EXPECT_EQ(read_message(socket).body, "final");
}

TEST_F(RelayTest, answers_an_expectation_itself) {
  std::promise<Message> seen;
  ScriptedOrigin origin(answer_each([&](const Message& request) {
    seen.set_value(request);
    return ok_response(request.body);
  }));
  start(origin);
  Socket socket = client();
  socket.write("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.write("body");
  EXPECT_EQ(read_message(socket).body, "body");
  EXPECT_EQ(seen.get_future().get().header("expect"), "");
}

TEST_F(RelayTest, lets_an_early_answer_through_and_closes) {
  config_.limits.replay_bytes = 10;
  ScriptedOrigin origin([](Socket& caller, int) {
    caller.read_until("\r\n\r\n");
    caller.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    caller.read_all();
  });
  start(origin);
  Socket socket = client();
  socket.write("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\npart");
  const Message answer = read_message(socket);
  EXPECT_EQ(answer.status(), 413);
  EXPECT_EQ(answer.body, "big");
  EXPECT_TRUE(socket.at_end());
}

TEST_F(RelayTest, never_takes_a_cut_body_for_a_whole_one) {
  for (const char* start_of_it : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive5",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive5\r\n",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive5\r\nzz\r\n"}) {
    ScriptedOrigin origin([&](Socket& caller, int) {
      read_message(caller);
      caller.write(start_of_it);
    });
    start(origin);
    Socket socket = client();
    socket.write(kGet);
    EXPECT_FALSE(read_message(socket).whole) << start_of_it;
    EXPECT_TRUE(socket.at_end());
    server_.reset();
  }
}

TEST_F(RelayTest, drops_a_connection_that_said_more_than_it_promised) {
  ScriptedOrigin origin([](Socket& caller, int number) {
    for (;;) {
      if (!read_message(caller).whole) return;
      caller.write(ok_response(number == 1 ? "one" : "two") + (number == 1 ? "HTTP/1.1 200 OK\r\n\r\nsmuggled" : ""));
    }
  });
  start(origin);
  Socket socket = client();
  socket.write(kGet);
  EXPECT_EQ(read_message(socket).body, "one");
  socket.write(kGet);
  EXPECT_EQ(read_message(socket).body, "two");
  EXPECT_EQ(origin.connections(), 2);
}

TEST_F(RelayTest, says_when_the_origin_cannot_be_reached) {
  {
    ScriptedOrigin gone([](Socket&, int) {});
    script_.url = gone.url();
  }
  start();
  const Message answer = ask(kGet);
  EXPECT_EQ(answer.status(), 502);
  EXPECT_EQ(answer.body, "unreachable");
}

TEST_F(RelayTest, says_when_the_origin_does_not_speak_http) {
  ScriptedOrigin origin(answer_each([](const Message&) { return std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"); }));
  start(origin);
  EXPECT_EQ(ask(kGet).body, "malformed");
}

TEST_F(RelayTest, gives_up_on_an_origin_that_never_answers) {
  config_.upstream.response = Milliseconds(200);
  ScriptedOrigin origin([](Socket& caller, int) { caller.read_all(); });
  start(origin);
  Socket socket = client();
  socket.write(kGet);
  EXPECT_EQ(read_message(socket).status(), 504);
  socket.write(post("x"));
  EXPECT_EQ(read_message(socket).status(), 504);
}

TEST_F(RelayTest, sends_a_harmless_request_again_when_a_kept_connection_was_stale) {
  ScriptedOrigin origin([](Socket& caller, int number) {
    read_message(caller);
    caller.write(ok_response("first of " + std::to_string(number)));
    read_message(caller);
    caller.reset();  // as if it had closed just before the request came
  });
  start(origin);
  Socket socket = client();
  socket.write(kGet);
  EXPECT_EQ(read_message(socket).body, "first of 1");
  socket.write(kGet);
  EXPECT_EQ(read_message(socket).body, "first of 2");
}

TEST_F(RelayTest, never_sends_a_request_again_that_might_do_something_twice) {
  std::atomic<int> posts = 0;
  ScriptedOrigin origin([&](Socket& caller, int) {
    read_message(caller);
    caller.write(ok_response("warm"));
    if (read_message(caller).start_line.starts_with("POST")) ++posts;
    caller.reset();
  });
  start(origin);
  Socket socket = client();
  socket.write(kGet);
  EXPECT_EQ(read_message(socket).body, "warm");
  socket.write(post("command"));
  EXPECT_EQ(read_message(socket).status(), 502);
  EXPECT_EQ(posts, 1);
}

TEST_F(RelayTest, never_uses_a_kept_connection_that_is_known_to_be_closed) {
  ScriptedOrigin origin([](Socket& caller, int number) {
    const Message request = read_message(caller);
    caller.write(ok_response(request.body + std::to_string(number)));
  });
  start(origin);
  Socket socket = client();
  for (int i = 1; i <= 20; ++i) {
    socket.write(post("n"));
    EXPECT_EQ(read_message(socket).body, "n" + std::to_string(i));
  }
}

TEST_F(RelayTest, replays_a_request_after_an_asynchronous_step) {
  ScriptedOrigin origin(answer_each([](const Message& request) -> std::string {
    if (request.header("authorization") == "old") return "HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\nnope";
    return ok_response(request.body + '|' + request.header("authorization"));
  }));
  script_.on_request = [](Exchange& exchange, Origin& to) {
    EXPECT_TRUE(exchange.inject().add("Authorization", "old"));
    exchange.forward(to);
  };
  script_.on_response = [this](Exchange& exchange, const ResponseHead& head, Origin& to) {
    if (head.status != 401) return exchange.pass();
    ASSERT_TRUE(exchange.replayable());
    boost::asio::post(background_, [later = exchange.later(), &to] {
      later.resume([&to](Exchange& again) {
        EXPECT_TRUE(again.inject().add("Authorization", "new"));
        again.forward(to);
      });
    });
  };
  start(origin);
  Socket socket = client();
  for (const std::string& body : {std::string("short"), patterned(200'000)}) {
    socket.write(post(body));
    EXPECT_TRUE(read_message(socket).body == body + "|new");
  }
}

TEST_F(RelayTest, can_let_a_held_response_through_after_all) {
  ScriptedOrigin origin(
      answer_each([](const Message&) { return std::string("HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\nnope"); }));
  script_.on_response = [this](Exchange& exchange, const ResponseHead&, Origin&) {
    boost::asio::post(background_, [later = exchange.later()] { later.resume([](Exchange& again) { again.pass(); }); });
  };
  start(origin);
  const Message answer = ask(kGet);
  EXPECT_EQ(answer.status(), 401);
  EXPECT_EQ(answer.body, "nope");
}

TEST_F(RelayTest, forgets_a_decision_whose_caller_has_hung_up) {
  ScriptedOrigin origin(answer_each([](const Message&) { return ok_response("fine"); }));
  std::promise<Later> waiting;
  std::promise<Outcome> ended;
  script_.on_request = [&](Exchange& exchange, Origin& to) {
    if (exchange.request().path() == "/wait") {
      waiting.set_value(exchange.later());
    } else {
      exchange.forward(to);
    }
  };
  script_.on_end = [&, told = false](const Outcome& outcome) mutable {
    if (!std::exchange(told, true)) ended.set_value(outcome);
  };
  start(origin);
  Socket socket = client();
  socket.write("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  const Later later = waiting.get_future().get();
  socket.reset();
  EXPECT_FALSE(ended.get_future().get().complete);
  bool ran = false;
  later.resume([&](Exchange&) { ran = true; });
  EXPECT_EQ(ask(kGet).body, "fine");
  EXPECT_FALSE(ran);
}

TEST_F(RelayTest, gives_up_on_a_decision_that_never_comes) {
  config_.limits.handler = Milliseconds(200);
  ScriptedOrigin origin(answer_each([](const Message&) { return ok_response("x"); }));
  script_.on_request = [](Exchange& exchange, Origin&) { static_cast<void>(exchange.later()); };
  start(origin);
  EXPECT_EQ(ask(kGet).status(), 504);
}

TEST_F(RelayTest, refuses_to_forward_in_the_clear_to_another_machine) {
  script_.url = "http://192.0.2.1";
  auto factory = [this](Worker& worker) -> Result<std::unique_ptr<Service>> {
    auto origin = worker.origin(script_.url);
    EXPECT_FALSE(origin.has_value());
    return fail(origin.error());
  };
  const auto started = Server::start({.listen = {"127.0.0.1:0"}}, factory, background_.get_executor());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, ErrorCode::unsafe);
}

TEST_F(RelayTest, resolves_names_off_the_thread) {
  ScriptedOrigin origin(answer_each([](const Message& request) { return ok_response(request.header("host")); }));
  const std::string port = origin.endpoint().substr(origin.endpoint().find(':'));
  script_.url = "http://localhost" + port;
  start();
  EXPECT_EQ(ask(kGet).body, "localhost" + port);
}

}  // namespace
}  // namespace keyfob::http
