#include <gmock/gmock.h>

#include <boost/asio.hpp>
#include <optional>

#include "idp/http_provider_api.hpp"
#include "idp/http_token_endpoint.hpp"
#include "testing/raw_server.hpp"

namespace keyfob::idp {
namespace {

using keyfob::testing::answering;
using keyfob::testing::RawPeer;
using keyfob::testing::RawServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Time stands still.
class FixedClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return from_unix_ms(1'767'225'600'000); }
  [[nodiscard]] BootTime boot() const override { return BootTime(Milliseconds(1'000'000)); }
  Task<void> sleep(Milliseconds) override { co_return; }
};

std::string json_answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string list_of(int from, int to, int total) {
  std::string ids;
  for (int i = from; i < to; ++i) ids += (ids.empty() ? "\"v" : ",\"v") + std::to_string(1000 + i) + "\"";
  return R"({"vehicles":[)" + ids + R"(],"paging":{"count":)" + std::to_string(total) + R"(,"offset":0}})";
}

class IdpTest : public ::testing::Test {
 protected:
  /// Every request is answered by `answer`; the requests are in seen_.
  void serve(std::function<std::string(const std::string&)> answer) {
    serve_script(answering(std::move(answer), &seen_));
  }

  void serve_script(RawServer::Script script) {
    server_.emplace(context_, std::move(script));
    profile_ = oauth::with_all_origins(profile_, server_->origin());
  }

  std::shared_ptr<const oauth::ProfileTable> profiles() {
    return std::make_shared<const oauth::ProfileTable>(oauth::ProfileTable{{profile_.name, profile_}});
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& thrown, T value) {
      EXPECT_FALSE(thrown);
      out.emplace(std::move(value));
    });
    while (!out) context_.run_one();
    return *std::move(out);
  }

  TokenAnswer refresh(Milliseconds give_up = seconds(10)) {
    HttpTokenEndpoint endpoint(profiles(), client_, clock_);
    TokenRequest request{.provider = "smartcar",
                         .client_id = "id",
                         .client_secret = ClientSecret("client-secret"),
                         .grant = RefreshGrant{RefreshToken("old-refresh-token")}};
    return run(endpoint.exchange(std::move(request), {clock_.boot() + seconds(5), clock_.boot() + give_up}));
  }

  Result<Identity> identity() {
    HttpProviderApi api(profiles(), client_, clock_);
    return run(api.identity("smartcar", AccessToken("at")));
  }

  Result<void> revoke(std::vector<VehicleId> vehicles) {
    HttpProviderApi api(profiles(), client_, clock_);
    ProviderApi::Revocation request{.provider = "smartcar",
                                    .client_id = "id",
                                    .client_secret = ClientSecret("client-secret"),
                                    .pair = {AccessToken("at"), RefreshToken("rt")},
                                    .vehicles = std::move(vehicles)};
    return run(api.revoke(std::move(request)));
  }

  asio::io_context context_;
  FixedClock clock_;
  http::Client client_ = *http::Client::create({}, [this] { return clock_.boot(); });
  ProviderProfile profile_ = *oauth::builtin_profile("smartcar");
  std::optional<RawServer> server_;
  std::vector<std::string> seen_;
};

using TokenEndpointTest = IdpTest;

TEST_F(TokenEndpointTest, ARefreshBringsBothTokens) {
  serve([](const auto&) { return json_answer(200, R"({"access_token":"a","refresh_token":"r","expires_in":7200})"); });
  const TokenAnswer answer = refresh();
  EXPECT_EQ(answer.disposition, Disposition::done);
  EXPECT_EQ(reveal_secret(answer.refresh.value()), "r");
  ASSERT_EQ(seen_.size(), 1U);
  EXPECT_THAT(seen_[0], StartsWith("POST /oauth/token HTTP/1.1\r\n"));
  EXPECT_THAT(seen_[0], ::testing::EndsWith("\r\n\r\ngrant_type=refresh_token&refresh_token=old-refresh-token"));
}

TEST_F(TokenEndpointTest, ARefusalIsRedacted) {
  serve([](const auto&) {
    return json_answer(
        400, R"({"error":"invalid_request","error_description":"Invalid refresh_token: old-refresh-token."})");
  });
  const TokenAnswer answer = refresh();
  EXPECT_EQ(answer.disposition, Disposition::refused);
  EXPECT_EQ(answer.detail, "Invalid refresh_token: [redacted].");
}

TEST_F(TokenEndpointTest, RetryAfterIsHeard) {
  serve([](const auto&) { return "HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"; });
  const TokenAnswer answer = refresh();
  EXPECT_EQ(answer.disposition, Disposition::throttled);
  EXPECT_EQ(answer.retry_after, seconds(7));
}

TEST_F(TokenEndpointTest, AResetAfterTheRequestIsUnknown) {
  serve_script([](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    peer->reset();
  });
  EXPECT_EQ(refresh().disposition, Disposition::unknown);
}

TEST_F(TokenEndpointTest, SilenceIsUnknown) {
  serve_script([](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> { co_await peer->wait_for_end(); });
  const TokenAnswer answer = refresh(Milliseconds(40));
  EXPECT_EQ(answer.disposition, Disposition::unknown);
  EXPECT_EQ(answer.error, "timeout");
}

TEST_F(TokenEndpointTest, ACutAnswerKeepsACompleteRefreshToken) {
  serve_script([](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    co_await peer->send("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{\"refresh_token\":\"only-copy\",\"acc");
  });
  const TokenAnswer answer = refresh();
  EXPECT_EQ(answer.disposition, Disposition::unknown);
  EXPECT_EQ(reveal_secret(answer.refresh.value()), "only-copy");
  EXPECT_EQ(answer.error, "cut_short");
}

TEST_F(TokenEndpointTest, ARefusedConnectionIsUnsent) {
  serve([](const auto&) { return ""; });
  server_->stop();
  EXPECT_EQ(refresh().disposition, Disposition::unsent);
}

TEST_F(TokenEndpointTest, AnUnknownProviderIsUnsent) {
  profile_.name = "other";
  EXPECT_EQ(refresh().disposition, Disposition::unsent);
}

TEST_F(TokenEndpointTest, CancellationIsUnknownOnceTheRequestIsOut) {
  bool asked = false;
  serve_script([&](std::shared_ptr<RawPeer> peer) -> asio::awaitable<void> {
    const std::string request = co_await peer->request();
    asked = true;
    co_await peer->wait_for_end();
  });
  HttpTokenEndpoint endpoint(profiles(), client_, clock_);
  TokenRequest request{.provider = "smartcar",
                       .client_id = "id",
                       .client_secret = ClientSecret(),
                       .grant = RefreshGrant{RefreshToken("rt")}};
  asio::cancellation_signal signal;
  std::optional<TokenAnswer> answer;
  asio::co_spawn(context_,
                 endpoint.exchange(std::move(request), {clock_.boot() + seconds(5), clock_.boot() + seconds(9)}),
                 asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& thrown, TokenAnswer got) {
                   EXPECT_FALSE(thrown);
                   answer.emplace(std::move(got));
                 }));
  while (!asked) context_.run_one();
  signal.emit(asio::cancellation_type::terminal);
  while (!answer) context_.run_one();
  EXPECT_EQ(answer->disposition, Disposition::unknown);
}

using IdentityTest = IdpTest;

TEST_F(IdentityTest, NamesUserAndVehicles) {
  serve([](const std::string& request) {
    return request.starts_with("GET /v2.0/user ") ? json_answer(200, R"({"id":"u-1"})")
                                                  : json_answer(200, list_of(0, 2, 2));
  });
  const auto who = identity();
  ASSERT_TRUE(who) << who.error().what;
  EXPECT_EQ(who->provider_user, ProviderUserId("u-1"));
  EXPECT_THAT(who->vehicles, ElementsAre(VehicleId("v1000"), VehicleId("v1001")));
  EXPECT_THAT(seen_[0], HasSubstr("\r\nAuthorization: Bearer at\r\n"));
  EXPECT_THAT(seen_[0], HasSubstr("\r\nUser-Agent: Keyfob/"));
  EXPECT_THAT(seen_[1], StartsWith("GET /v2.0/vehicles?limit=50&offset=0 "));
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(IdentityTest, FollowsPages) {
  serve([](const std::string& request) {
    if (request.starts_with("GET /v2.0/user ")) return json_answer(200, R"({"id":"u-1"})");
    const int offset = std::stoi(request.substr(request.find("offset=") + 7));
    return json_answer(200, list_of(offset, std::min(offset + 50, 120), 120));
  });
  const auto who = identity();
  ASSERT_TRUE(who);
  EXPECT_EQ(who->vehicles.size(), 120U);
  EXPECT_EQ(seen_.size(), 4U);
}

TEST_F(IdentityTest, FollowsPagesSmallerThanAskedFor) {
  serve([](const std::string& request) {
    if (request.starts_with("GET /v2.0/user ")) return json_answer(200, R"({"id":"u-1"})");
    const int offset = std::stoi(request.substr(request.find("offset=") + 7));
    return json_answer(200, list_of(offset, std::min(offset + 10, 25), 25));
  });
  EXPECT_EQ(identity()->vehicles.size(), 25U);
}

TEST_F(IdentityTest, AServerThatIgnoresTheOffsetDoesNotHoldUsForEver) {
  serve([](const std::string& request) {
    return request.starts_with("GET /v2.0/user ") ? json_answer(200, R"({"id":"u"})")
                                                  : json_answer(200, list_of(0, 50, 999));
  });
  EXPECT_EQ(identity()->vehicles.size(), 50U);
  EXPECT_EQ(seen_.size(), 3U);
}

TEST_F(IdentityTest, TooManyVehiclesAreALimit) {
  serve([](const std::string& request) {
    if (request.starts_with("GET /v2.0/user ")) return json_answer(200, R"({"id":"u"})");
    const int offset = std::stoi(request.substr(request.find("offset=") + 7));
    return json_answer(200, list_of(offset, offset + 50, 5000));
  });
  EXPECT_EQ(identity().error().code, ErrorCode::limit);
}

TEST_F(IdentityTest, ErrorsSayWhatTheyMean) {
  struct Case {
    std::string answer;
    ErrorCode code;
    const char* starts;
  };
  const Case cases[] = {
      {json_answer(401, "{}"), ErrorCode::refused, "401"},
      {json_answer(403, "{}"), ErrorCode::refused, "403"},
      {json_answer(429, "{}"), ErrorCode::unavailable, "429"},
      {json_answer(503, "{}"), ErrorCode::unavailable, "503"},
      {json_answer(302, ""), ErrorCode::unavailable, "302"},
      {json_answer(200, "<html>"), ErrorCode::unavailable, "GET user"},
      {json_answer(200, "{}"), ErrorCode::unavailable, "GET user"},
      {json_answer(200, R"({"id":7})"), ErrorCode::unavailable, "GET user"},
      {json_answer(200, R"({"id":""})"), ErrorCode::unavailable, "GET user"},
      {json_answer(200, R"({"id":"a\nb"})"), ErrorCode::unavailable, "GET user"},
  };
  for (const Case& c : cases) {
    profile_ = *oauth::builtin_profile("smartcar");
    serve([c](const auto&) { return c.answer; });
    const auto who = identity();
    ASSERT_FALSE(who) << c.answer;
    EXPECT_EQ(who.error().code, c.code) << c.answer;
    EXPECT_THAT(who.error().what, StartsWith(c.starts));
  }
}

using RevokeTest = IdpTest;

TEST_F(RevokeTest, EndsEveryVehicleWithTheUsersToken) {
  serve([](const auto&) { return json_answer(200, R"({"status":"success"})"); });
  EXPECT_TRUE(revoke({VehicleId("v1"), VehicleId("v/2")}));
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_THAT(seen_[0], StartsWith("DELETE /v2.0/vehicles/v1/application HTTP/1.1\r\n"));
  EXPECT_THAT(seen_[1], StartsWith("DELETE /v2.0/vehicles/v%2F2/application HTTP/1.1\r\n"));
  EXPECT_THAT(seen_[1], HasSubstr("\r\nAuthorization: Bearer at\r\n"));
}

TEST_F(RevokeTest, WhatIsGoneAlreadyIsDone) {
  for (const int status : {204, 403, 404, 410}) {
    profile_ = *oauth::builtin_profile("smartcar");
    serve([status](const auto&) { return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n"; });
    EXPECT_TRUE(revoke({VehicleId("v1")})) << status;
  }
}

TEST_F(RevokeTest, AFirewallsPageIsNotDone) {
  serve([](const auto&) { return "HTTP/1.1 403 X\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"; });
  EXPECT_FALSE(revoke({VehicleId("v1")}));
}

TEST_F(RevokeTest, ARefusedTokenSaysSoAtOnce) {
  serve([](const auto&) { return json_answer(401, "{}"); });
  const auto done = revoke({VehicleId("v1"), VehicleId("v2")});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::refused);
  EXPECT_THAT(done.error().what, StartsWith("401"));
  EXPECT_EQ(seen_.size(), 1U);
}

TEST_F(RevokeTest, AnOutageOfOneVehicleDoesNotSpareTheOthers) {
  serve([](const std::string& r) { return json_answer(r.find("/v1/") != std::string::npos ? 503 : 200, "{}"); });
  const auto done = revoke({VehicleId("v1"), VehicleId("v2")});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unavailable);
  EXPECT_EQ(seen_.size(), 2U);
}

TEST_F(RevokeTest, AGrantWithoutKnownVehiclesIsAskedForThem) {
  serve([](const std::string& r) { return json_answer(200, r.starts_with("GET") ? list_of(0, 2, 2) : "{}"); });
  EXPECT_TRUE(revoke({}));
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_THAT(seen_[2], StartsWith("DELETE /v2.0/vehicles/v1001/application "));
}

class TokenRevocationTest : public IdpTest {
 protected:
  TokenRevocationTest() { profile_.revoke = {.revocation_url = "https://id.example/revoke"}; }
};

TEST_F(TokenRevocationTest, SendsTheRefreshTokenWithTheClientsCredentials) {
  serve([](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; });
  EXPECT_TRUE(revoke({VehicleId("v1")}));
  ASSERT_EQ(seen_.size(), 1U);
  EXPECT_THAT(seen_[0], StartsWith("POST /revoke HTTP/1.1\r\n"));
  EXPECT_THAT(seen_[0], HasSubstr("\r\nAuthorization: Basic aWQ6Y2xpZW50LXNlY3JldA==\r\n"));
  EXPECT_THAT(seen_[0], ::testing::EndsWith("token=rt&token_type_hint=refresh_token"));
}

TEST_F(TokenRevocationTest, RefusedClientCredentialsDoNotLookLikeARefusedToken) {
  serve([](const auto&) { return json_answer(401, R"({"error":"invalid_client"})"); });
  const auto done = revoke({});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::refused);
  EXPECT_THAT(done.error().what, ::testing::Not(StartsWith("401")));
}

TEST_F(TokenRevocationTest, AProviderThatCanEndNothingIsDoneAtOnce) {
  profile_.revoke = {};
  EXPECT_TRUE(revoke({VehicleId("v1")}));
}

}  // namespace
}  // namespace keyfob::idp
