#include "gateway/gateway_test.hpp"

namespace keyfob::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Authz : public GatewayTest {
 protected:
  void SetUp() override {
    const auto both = {Permission::gateway, Permission::token_read};
    gatekeeper_.callers["Bearer edge"] = caller_with(both);
    Admission annas = caller_with(both);
    annas.users = {"anna"};
    gatekeeper_.callers["Bearer annas"] = annas;
    Admission odometer = caller_with(both);
    odometer.routes = {"GET /v2/cars/*/odometer"};
    gatekeeper_.callers["Bearer odometer"] = odometer;
  }

  /// As nginx asks.
  Message verdict(const std::string& method, const std::string& target, const std::string& more = {},
                  const std::string& key = "edge") {
    return ask("GET /v1/authz", "X-Original-Method: " + method + "\r\nX-Original-URI: " + target + "\r\n" + more, key);
  }
  void expect_refused(const Message& message, const std::string& code, int status = 403) {
    expect_problem(message, status, code);
    EXPECT_EQ(message.header("authorization"), "");
  }
};

TEST_F(Authz, answers_with_the_headers_that_a_call_would_carry) {
  start();
  const Message answer = verdict("GET", "/v2/cars/car1/odometer?unit=km");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("authorization"), "Bearer g1-1");
  EXPECT_EQ(answer.header("keyfob-grant"), "g1");
  EXPECT_EQ(answer.header("keyfob-origin"), provider_.url());
  EXPECT_EQ(answer.header("cache-control"), "no-store");
  EXPECT_EQ(answer.body, "");
  const Message v3 = verdict("GET", "/v3/cars/car1");
  EXPECT_EQ(v3.header("authorization"), "Test app application 1");
  EXPECT_EQ(v3.header("x-user"), "u:pu-anna");
  EXPECT_EQ(seen(), 0U) << "the provider is not asked";
}

TEST_F(Authz, takes_envoys_form_too) {
  start();
  EXPECT_EQ(ask("POST /v1/authz/v2/cars/car2/lock?x=1", "Content-Length: 0\r\n", "edge").header("authorization"),
            "Bearer g2-1");
  expect_refused(ask("GET /v1/authz/v9", {}, "edge"), "no_route");
  expect_refused(ask("GET /v1/authz/v2/cars/car1/odometer", {}, "wrong"), "unauthenticated", 401);
  EXPECT_EQ(ask("POST /v1/authz/v2/cars/car2/lock", "Content-Length: 0\r\n", "odometer").status(), 403);
}

TEST_F(Authz, holds_the_original_request_to_the_rules_of_a_call) {
  start();
  expect_refused(verdict("GET", "/v2/cars/car1/odometer", {}, "key"), "forbidden");  // no token:read
  expect_refused(verdict("GET", "/v2/cars/car1/odometer", {}, "wrong"), "unauthenticated", 401);
  expect_refused(verdict("GET", "/v2/cars/car2/odometer", {}, "annas"), "forbidden");
  expect_refused(verdict("GET", "/v2/cars/car1/odometer", "Keyfob-User: bert\r\n"), "forbidden");
  expect_refused(verdict("POST", "/v2/cars/car1/odometer", {}, "odometer"), "forbidden");
  EXPECT_EQ(verdict("GET", "/v2/cars/car1/odometer", {}, "odometer").status(), 200);
  expect_refused(verdict("GET", "/v2/management/all"), "forbidden");
  expect_refused(verdict("GET", "/v2/cars"), "user_required");
  EXPECT_EQ(verdict("GET", "/v2/cars", "Keyfob-User: bert\r\n").header("authorization"), "Bearer g2-1");
  expect_refused(verdict("GET", "/v2/cars/car9/odometer"), "unknown_grant");
  expect_refused(verdict("GET", "/nowhere"), "no_route");
  expect_refused(verdict("GET", "/v1/token?user=anna"), "no_route");
}

TEST_F(Authz, refuses_questions_that_can_be_read_in_two_ways) {
  start();
  const std::string one = "X-Original-Method: GET\r\n";
  const std::string target = "X-Original-URI: /v2/cars/car1/odometer\r\n";
  for (const std::string& headers : {std::string(), one, target, one + one + target, one + target + target}) {
    expect_refused(ask("GET /v1/authz", headers, "edge"), "bad_request");
  }
  expect_refused(ask("GET /v1/authz/v2/cars/car1/odometer", target, "edge"), "bad_request");
  for (const char* path : {"/v2/cars/car1/../car2/odometer", "/v2/cars/car1%2Fodometer", "//v2/cars/car1/odometer",
                           "http://api.example/v2/cars/car1/odometer", "/v2/cars/car1/%6fdometer"}) {
    expect_refused(verdict("GET", path), "bad_request");
  }
}

TEST_F(Authz, waits_for_a_token_that_is_not_at_hand) {
  tokens_.vehicles["car1"].at_hand = false;
  start();
  const Message answer = verdict("GET", "/v2/cars/car1/odometer");
  EXPECT_EQ(answer.header("authorization"), "Bearer g1-1");
  EXPECT_EQ(answer.header("keyfob-refreshed"), "1");
}

TEST_F(Authz, says_in_the_code_what_is_wrong_with_the_grant) {
  start();
  for (const auto& [problem, code] : {std::pair{TokenProblem::needs_reauth, "needs_reauth"},
                                      {TokenProblem::provider_unavailable, "provider_unavailable"},
                                      {TokenProblem::record_damaged, "record_damaged"}}) {
    tokens_.vehicles["car1"].problem = problem;
    expect_refused(verdict("GET", "/v2/cars/car1/odometer"), code);
  }
}

TEST_F(Authz, leaves_nothing_behind_for_the_next_request_of_the_connection) {
  start();
  EXPECT_EQ(verdict("GET", "/v2/cars/car1/odometer").status(), 200);
  const Message answer = ask("GET /v2/cars/car2/odometer", {}, "edge");
  EXPECT_EQ(answer.body, "Bearer g2-1||");
  EXPECT_EQ(answer.header("authorization"), "");
  EXPECT_EQ(verdict("GET", "/v2/cars/car1/odometer").body, "");
}

}  // namespace
}  // namespace keyfob::gateway
