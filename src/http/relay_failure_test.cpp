#include "http/relay_test.hpp"

namespace keyfob::http {
namespace {

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

TEST_F(RelayTest, reads_what_an_origin_said_before_it_stopped_listening) {
  for (const std::size_t kept : {std::size_t{10}, std::size_t{4'000'000}}) {
    config_.limits.replay_bytes = kept;
    ScriptedOrigin origin([](Socket& caller, int) {
      caller.read_until("\r\n\r\n");
      caller.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
      // What is unread when it closes makes the kernel reset the connection.
    });
    start(origin);
    Socket socket = client();
    const std::string body = patterned(3'000'000);
    auto writer = std::async(std::launch::async, [&] { socket.write(post(body)); });
    const Message answer = read_message(socket);
    EXPECT_EQ(answer.status(), 413) << kept;
    EXPECT_EQ(answer.body, "big");
    writer.get();
    server_.reset();
  }
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
  std::counting_semaphore closed(0);
  ScriptedOrigin origin([&](Socket& caller, int number) {
    const Message request = read_message(caller);
    caller.write(ok_response(request.body + std::to_string(number)));
    caller.close();
    closed.release();
  });
  start(origin);
  Socket socket = client();
  for (int i = 1; i <= 20; ++i) {
    socket.write(post("n"));
    EXPECT_EQ(read_message(socket).body, "n" + std::to_string(i));
    closed.acquire();
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

}  // namespace
}  // namespace keyfob::http
