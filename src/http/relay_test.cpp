#include "http/relay_test.hpp"

namespace keyfob::http {
namespace {

using ::testing::StartsWith;

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

TEST_F(RelayTest, resolves_names_off_the_thread) {
  ScriptedOrigin origin(answer_each([](const Message& request) { return ok_response(request.header("host")); }));
  const std::string port = origin.endpoint().substr(origin.endpoint().find(':'));
  script_.url = "http://localhost" + port;
  start();
  EXPECT_EQ(ask(kGet).body, "localhost" + port);
}

}  // namespace
}  // namespace keyfob::http
