#include "http/client.hpp"

#include <gmock/gmock.h>

#include <boost/asio.hpp>

#include "testing/raw_server.hpp"

namespace keyfob::http {
namespace {

namespace asio = boost::asio;
using keyfob::testing::answering;
using keyfob::testing::RawPeer;
using keyfob::testing::RawServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\nhi";
constexpr BootTime kNow{Milliseconds(1'000'000)};

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    auto made = Client::create({}, [this] { return now_(); });
    EXPECT_TRUE(made);
    client_.emplace(*std::move(made));
  }

  ClientRequest request(const RawServer& server) {
    ClientRequest r;
    r.method = "POST";
    r.origin = server.origin();
    r.target = wiped_string("/oauth/token");
    r.body = wiped_string("a=b");
    return r;
  }

  ClientOutcome exchange(ClientRequest r) { return exchange(std::move(r), {kNow + seconds(5), kNow + seconds(10)}); }

  ClientOutcome exchange(ClientRequest r, ClientLimits limits) {
    std::optional<ClientOutcome> outcome;
    asio::co_spawn(context_, client_->exchange(std::move(r), limits),
                   [&](const std::exception_ptr& thrown, ClientOutcome got) {
                     EXPECT_FALSE(thrown);
                     outcome.emplace(std::move(got));
                   });
    while (!outcome) context_.run_one();
    return *std::move(outcome);
  }

  /// What a client makes of a server that says `bytes` to every request and then closes.
  ClientOutcome answer_to(std::string bytes) {
    RawServer server(context_, [bytes](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
      const std::string request = co_await peer->request();
      std::string copy = bytes;
      co_await peer->send(std::move(copy));
    });
    return exchange(request(server));
  }

  asio::io_context context_;
  std::function<BootTime()> now_ = [] { return kNow; };
  std::optional<Client> client_;
};

TEST_F(ClientTest, SendsExactlyTheRequestAndReadsTheAnswer) {
  std::vector<std::string> seen;
  RawServer server(context_, answering([](const auto&) { return kOk; }, &seen));
  ClientRequest r = request(server);
  r.headers.emplace_back("User-Agent", wiped_string("Keyfob/1"));
  const ClientOutcome outcome = exchange(std::move(r));
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_EQ(outcome->status, 200);
  EXPECT_EQ(outcome->body, "hi");
  EXPECT_EQ(find_header(outcome->headers, "x-id"), "7");
  EXPECT_FALSE(outcome->cut);
  EXPECT_THAT(seen, ElementsAre("POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                                "\r\nUser-Agent: Keyfob/1\r\nContent-Length: 3\r\n\r\na=b"));
}

TEST_F(ClientTest, AnEmptyPostSaysSoAndAGetSaysNothing) {
  std::vector<std::string> seen;
  RawServer server(context_, answering([](const auto&) { return kOk; }, &seen));
  ClientRequest post = request(server);
  post.body.clear();
  ClientRequest get = request(server);
  get.method = "GET";
  get.body.clear();
  exchange(std::move(post));
  exchange(std::move(get));
  EXPECT_THAT(seen[0], HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(seen[1], ::testing::Not(HasSubstr("Content-Length")));
}

TEST_F(ClientTest, ReusesAConnection) {
  RawServer server(context_, answering([](const auto&) { return kOk; }));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(exchange(request(server)));
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(ClientTest, DoesNotReuseWhatTheServerWantsClosed) {
  RawServer server(context_, answering([](const auto&) {
                     return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                   }));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(exchange(request(server)));
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTest, DoesNotReuseAConnectionIdleForTooLong) {
  RawServer server(context_, answering([](const auto&) { return kOk; }));
  EXPECT_TRUE(exchange(request(server)));
  now_ = [] { return kNow + seconds(4) + Milliseconds(1); };
  EXPECT_TRUE(exchange(request(server)));
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTest, NoticesThatAnIdleConnectionWasClosed) {
  RawServer server(context_, [](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    co_await peer->send(kOk);
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(exchange(request(server)));
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(ClientTest, DoesNotReuseAConnectionOnWhichTheServerSpokeUnasked) {
  RawServer server(context_, answering([](const auto&) { return std::string(kOk) + kOk; }));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(exchange(request(server))->body, "hi");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(ClientTest, ARefusedConnectionIsUnsent) {
  RawServer server(context_, answering([](const auto&) { return kOk; }));
  ClientRequest r = request(server);
  server.stop();
  const ClientOutcome outcome = exchange(std::move(r));
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
  EXPECT_EQ(outcome.error().code, ErrorCode::unavailable);
}

TEST_F(ClientTest, ANameThatDoesNotResolveIsUnsent) {
  ClientRequest r;
  r.origin = "https://keyfob-test.invalid";
  r.target = wiped_string("/");
  const ClientOutcome outcome = exchange(std::move(r), {kNow + Milliseconds(300), kNow + seconds(10)});
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
}

TEST_F(ClientTest, NothingIsSentAfterSendBefore) {
  std::vector<std::string> seen;
  RawServer server(context_, answering([](const auto&) { return kOk; }, &seen));
  const ClientOutcome outcome = exchange(request(server), {kNow, kNow + seconds(10)});
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
  EXPECT_EQ(outcome.error().code, ErrorCode::timeout);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(ClientTest, ANodeThatSleptWhileConnectingDoesNotSend) {
  std::vector<std::string> seen;
  RawServer server(context_, answering([](const auto&) { return kOk; }, &seen));
  int looks = 0;  // for an idle connection, before connecting, before writing
  now_ = [&looks] { return ++looks < 3 ? kNow : kNow + seconds(100); };
  const ClientOutcome outcome = exchange(request(server), {kNow + seconds(5), kNow + seconds(200)});
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(outcome.error().sent);
  EXPECT_EQ(outcome.error().code, ErrorCode::timeout);
  context_.poll();
  EXPECT_THAT(seen, ElementsAre());
}

TEST_F(ClientTest, AResetAfterTheRequestMayHaveBeenSent) {
  RawServer server(context_, [](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    peer->reset();
  });
  const ClientOutcome outcome = exchange(request(server));
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().sent);
  EXPECT_EQ(outcome.error().code, ErrorCode::unavailable);
  EXPECT_EQ(server.connections(), 1) << "never tried twice";
}

TEST_F(ClientTest, AResetAfterTheFirstByteOfALargeRequestMayHaveBeenSent) {
  RawServer server(context_, [](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    char byte = 0;
    const auto got = co_await peer->socket().async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
    EXPECT_EQ(got, 1U);
    peer->reset();
  });
  ClientRequest r = request(server);
  r.body.resize(16U * 1024 * 1024, 'x');
  const ClientOutcome outcome = exchange(std::move(r));
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().sent);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(ClientTest, AnAnswerGivenBeforeTheRequestWasReadIsHeard) {
  RawServer server(context_, [](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    co_await peer->send("HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n");
    co_await peer->wait_for_end();
  });
  const ClientOutcome outcome = exchange(request(server));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, 429);
}

TEST_F(ClientTest, SilenceUntilGiveUpIsATimeoutThatMayHaveBeenSent) {
  bool closed = false;
  RawServer server(context_, [&closed](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    co_await peer->wait_for_end();
    closed = true;
  });
  const ClientOutcome outcome = exchange(request(server), {kNow + seconds(5), kNow + Milliseconds(50)});
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().sent);
  EXPECT_EQ(outcome.error().code, ErrorCode::timeout);
  while (!closed) context_.run_one();
}

TEST_F(ClientTest, AHeadInPiecesIsRead) {
  RawServer server(context_, [](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    for (const char* at = kOk; *at != 0; ++at) {
      std::string byte(1, *at);
      co_await peer->send(std::move(byte));
      co_await asio::post(asio::use_awaitable);
    }
    co_await peer->wait_for_end();
  });
  EXPECT_EQ(exchange(request(server))->body, "hi");
}

TEST_F(ClientTest, AHeadThatIsCutMayHaveBeenSent) {
  for (const char* bytes : {"", "H", "HTTP/1.1 200 OK\r\nContent-Le", "not http at all\r\n\r\n"}) {
    const ClientOutcome outcome = answer_to(bytes);
    ASSERT_FALSE(outcome) << bytes;
    EXPECT_TRUE(outcome.error().sent);
  }
}

TEST_F(ClientTest, ABodyThatIsCutIsKeptAndMarked) {
  const ClientOutcome outcome = answer_to("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"refresh_token\":\"rt\"");
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->cut);
  EXPECT_EQ(outcome->body, "{\"refresh_token\":\"rt\"");
}

TEST_F(ClientTest, AResetInsideTheBodyKeepsWhatCame) {
  RawServer server(context_, [](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    co_await peer->send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    co_await asio::post(asio::use_awaitable);
    co_await asio::post(asio::use_awaitable);
    peer->reset();
  });
  const ClientOutcome outcome = exchange(request(server));
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->cut);
}

TEST_F(ClientTest, ChunkedBodiesAreReadWholeOrMarked) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const ClientOutcome whole = answer_to(head + "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->body, "abcde");
  EXPECT_FALSE(whole->cut);
  const ClientOutcome cut = answer_to(head + "2\r\nab\r\n3\r\ncd");
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->body, "abcd");
  EXPECT_TRUE(cut->cut);
}

TEST_F(ClientTest, ABodyUpToTheEndOfTheConnectionIsWhole) {
  const ClientOutcome outcome = answer_to("HTTP/1.0 200 OK\r\n\r\nabc");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->body, "abc");
  EXPECT_FALSE(outcome->cut);
}

TEST_F(ClientTest, HugeBodiesAreBounded) {
  const std::string big(200'000, 'x');
  for (const std::string& bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n" + big,
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n" + big,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" + big + "\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n" + big}) {
    const ClientOutcome outcome = answer_to(bytes);
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(outcome->cut);
    EXPECT_LE(outcome->body.size(), 64U * 1024);
  }
}

TEST_F(ClientTest, AHugeHeadIsALimitAndMayHaveBeenSent) {
  const ClientOutcome outcome = answer_to("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().sent);
  EXPECT_EQ(outcome.error().code, ErrorCode::limit);
}

TEST_F(ClientTest, InformationalAnswersAreSkippedAndBounded) {
  EXPECT_EQ(
      answer_to(std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") + kOk)->body,
      "hi");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
  const ClientOutcome outcome = answer_to(many + kOk);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().sent);
}

TEST_F(ClientTest, RedirectsAreAnswersAndNotFollowed) {
  RawServer server(context_, answering([](const auto&) {
                     return "HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
                   }));
  EXPECT_EQ(exchange(request(server))->status, 307);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(ClientTest, NoContentAndHeadHaveNoBody) {
  RawServer server(context_, answering([](const std::string& r) {
                     return r.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"
                                                  : "HTTP/1.1 204 No Content\r\n\r\n";
                   }));
  ClientRequest head = request(server);
  head.method = "HEAD";
  head.body.clear();
  EXPECT_FALSE(exchange(std::move(head))->cut);
  EXPECT_EQ(exchange(request(server))->status, 204);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(ClientTest, RequestsThatWouldBreakTheFramingAreNotSent) {
  RawServer server(context_, answering([](const auto&) { return kOk; }));
  std::vector<ClientRequest> bad(5, request(server));
  bad[0].method = "GET /x";
  bad[1].target = wiped_string("/a b");
  bad[2].target = wiped_string("no-slash");
  bad[3].headers.emplace_back("X", wiped_string("a\r\nY: b"));
  bad[4].headers.emplace_back("X Y", wiped_string("a"));
  for (ClientRequest& r : bad) {
    const ClientOutcome outcome = exchange(std::move(r));
    ASSERT_FALSE(outcome);
    EXPECT_FALSE(outcome.error().sent);
    EXPECT_EQ(outcome.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(ClientTest, PlainHttpLeavesTheMachineNever) {
  ClientRequest r;
  r.origin = "http://203.0.113.1";
  r.target = wiped_string("/");
  const ClientOutcome outcome = exchange(std::move(r));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::invalid_argument);
}

TEST_F(ClientTest, CancellationClosesTheConnectionAndAnswers) {
  bool asked = false;
  bool closed = false;
  RawServer server(context_, [&](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    asked = true;
    co_await peer->wait_for_end();
    closed = true;
  });
  asio::cancellation_signal signal;
  std::optional<ClientOutcome> outcome;
  asio::co_spawn(context_, client_->exchange(request(server), {kNow + seconds(5), kNow + seconds(10)}),
                 asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& thrown, ClientOutcome got) {
                   EXPECT_FALSE(thrown);
                   outcome.emplace(std::move(got));
                 }));
  while (!asked) context_.run_one();
  signal.emit(asio::cancellation_type::terminal);
  while (!outcome || !closed) context_.run_one();
  ASSERT_FALSE(*outcome);
  EXPECT_TRUE(outcome->error().sent);
  EXPECT_EQ(outcome->error().code, ErrorCode::cancelled);
}

TEST_F(ClientTest, ManyExchangesAtOnceShareTheClient) {
  RawServer server(context_, answering([](const auto&) { return kOk; }));
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(
        context_, client_->exchange(request(server), {kNow + seconds(5), kNow + seconds(10)}),
        [&](const std::exception_ptr&, const ClientOutcome& got) { done += got && got->body == "hi" ? 1 : 100000; });
  }
  while (done < 100) context_.run_one();
  EXPECT_EQ(done, 100);
  EXPECT_LE(server.connections(), 100);
}

}  // namespace
}  // namespace keyfob::http
