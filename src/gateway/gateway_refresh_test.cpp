#include "gateway/gateway_test.hpp"

namespace keyfob::gateway {
namespace {

using ::testing::HasSubstr;

TEST_F(GatewayTest, waits_for_a_token_that_is_not_at_hand) {
  tokens_.vehicles["car1"].at_hand = false;
  start();
  const Message answer = ask("GET /v2/cars/car1/odometer");
  EXPECT_EQ(answer.body, "Bearer g1-1||");
  EXPECT_EQ(answer.header("keyfob-refreshed"), "1");
}

TEST_F(GatewayTest, says_why_there_is_no_token) {
  start();
  const std::vector<std::tuple<TokenProblem, int, std::string>> cases = {
      {TokenProblem::ambiguous_grant, 409, "ambiguous_grant"},
      {TokenProblem::needs_reauth, 424, "needs_reauth"},
      {TokenProblem::revoked, 424, "revoked"},
      {TokenProblem::refresh_refused, 503, "refresh_refused"},
      {TokenProblem::provider_unavailable, 503, "provider_unavailable"},
      {TokenProblem::application_suspended, 503, "application_suspended"},
      {TokenProblem::record_damaged, 500, "record_damaged"},
  };
  for (const auto& [problem, status, code] : cases) {
    tokens_.vehicles["car1"].problem = problem;
    const Message answer = ask("GET /v2/cars/car1/odometer");
    expect_problem(answer, status, code);
    EXPECT_EQ(!answer.header("retry-after").empty(), status == 503) << code;
    EXPECT_THAT(answer.body, HasSubstr(R"("user":"anna","vehicles":["car1"])"));
  }
  EXPECT_EQ(seen(), 0U);
}

TEST_F(GatewayTest, refreshes_once_and_replays_once_after_a_401) {
  dead_ = "Bearer g1-1";
  start();
  const Message answer = ask("POST /v2/cars/car1/security", "Content-Length: 4\r\n\r\nlock", "key");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "Bearer g1-2||lock");
  EXPECT_EQ(answer.header("keyfob-refreshed"), "1");
  EXPECT_EQ(tokens_.rotations, 1);
  EXPECT_EQ(seen(), 2U);
}

TEST_F(GatewayTest, passes_a_second_401_through) {
  everything_is_dead_ = true;
  start();
  const Message answer = ask("GET /v2/cars/car1/odometer");
  EXPECT_EQ(answer.status(), 401);
  EXPECT_EQ(answer.body, "dead");
  EXPECT_EQ(answer.header("keyfob-error"), "") << "the provider cannot speak in our name";
  EXPECT_EQ(answer.header("keyfob-refreshed"), "1");
  EXPECT_EQ(seen(), 2U);
  EXPECT_THAT(tokens_.given_up, ::testing::ElementsAre("g1-2 car1"));
}

TEST_F(GatewayTest, passes_a_401_to_an_application_token_through_when_there_is_nothing_newer) {
  everything_is_dead_ = true;
  credentials_.renewable = false;
  start();
  EXPECT_EQ(ask("GET /v3/cars/car2").body, "dead");
  EXPECT_EQ(seen(), 1U);
}

TEST_F(GatewayTest, passes_a_401_through_when_there_is_nothing_newer) {
  everything_is_dead_ = true;
  tokens_.rotates = false;
  start();
  EXPECT_EQ(ask("GET /v2/cars/car1/odometer").body, "dead");
  EXPECT_EQ(seen(), 1U);
}

TEST_F(GatewayTest, does_not_replay_a_body_that_is_too_large_and_says_so) {
  dead_ = "Bearer g1-1";
  start();
  const std::string body(2000, 'x');
  caller_.write(
      "POST /v2/cars/car1/security HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key\r\nContent-Length: 2000\r\n\r\n" +
      body);
  const Message answer = read_message(caller_);
  EXPECT_EQ(answer.status(), 401);
  EXPECT_EQ(answer.body, "dead");
  EXPECT_FALSE(answer.header("keyfob-not-replayed").empty());
  EXPECT_EQ(seen(), 1U);
}

TEST_F(GatewayTest, uses_the_application_token_and_names_the_grants_user) {
  start();
  EXPECT_EQ(ask("GET /v3/cars/car2", "X-User: pu-anna\r\n").body, "Test app application 1|u:pu-bert|");
  dead_ = "Test app application 1";
  EXPECT_EQ(ask("GET /v3/cars/car2").body, "Test app application 2|u:pu-bert|");
  credentials_.suspended = true;
  expect_problem(ask("GET /v3/cars/car2"), 503, "application_suspended");
}

TEST_F(GatewayTest, uses_an_application_token_that_is_at_hand_and_renews_it_when_it_is_refused) {
  credentials_.at_hand = true;
  start();
  EXPECT_EQ(ask("GET /v3/cars/car2").body, "Test app application 1|u:pu-bert|");
  dead_ = "Test app application 1";
  const Message answer = ask("GET /v3/cars/car2");
  EXPECT_EQ(answer.body, "Test app application 2|u:pu-bert|");
  EXPECT_EQ(answer.header("keyfob-refreshed"), "1");
}

TEST_F(GatewayTest, will_not_send_a_name_that_cannot_be_a_header) {
  tokens_.vehicles["car1"].provider_user = "a\r\nX-Evil: 1";
  tokens_.vehicles["car2"].provider_user = "";
  start();
  expect_problem(ask("GET /v3/cars/car1"), 500, "record_damaged");
  expect_problem(ask("GET /v3/cars/car2"), 400, "user_required");
  EXPECT_EQ(seen(), 0U);
}

TEST(GatewayOutage, is_told_apart_from_a_slow_provider) {
  boost::asio::thread_pool background(1);
  FixedClock clock;
  FakeGatekeeper gatekeeper;
  gatekeeper.callers.emplace("Bearer key", caller_with({Permission::gateway}));
  FakeTokens tokens;
  tokens.vehicles = {{"car1", {.grant = "g1", .user = "anna", .provider_user = "p"}}};
  FakeCredentials credentials;
  ScriptedOrigin silent([](Socket& caller, int) { caller.read_all(); });
  std::string gone;
  {
    ScriptedOrigin closed([](Socket&, int) {});
    gone = closed.url();
  }
  GatewayOptions options;
  ProviderProfile profile;
  profile.name = "acme";
  profile.routes = {{.match = "/silent/{vehicle}", .origin = silent.url()},
                    {.match = "/gone/{vehicle}", .origin = gone}};
  options.profiles = {profile};
  const auto factory = make_gateway({gatekeeper, tokens, credentials, clock}, std::move(options));
  ASSERT_TRUE(factory.has_value());
  http::ServerConfig config;
  config.listen = {"127.0.0.1:0"};
  config.event_loop = testing::loop_under_test();
  config.upstream.response = Milliseconds(200);
  auto server = http::Server::start(std::move(config), *factory, background.get_executor());
  ASSERT_TRUE(server.has_value());
  Socket caller = Socket::connect((*server)->endpoints().front());
  const std::string rest = "car1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key\r\n\r\n";
  caller.write("GET /silent/" + rest);
  EXPECT_EQ(read_message(caller).header("keyfob-error"), "upstream_timeout");
  caller.write("GET /gone/" + rest);
  EXPECT_EQ(read_message(caller).header("keyfob-error"), "upstream_unreachable");
  server->reset();
  background.join();
}

}  // namespace
}  // namespace keyfob::gateway
