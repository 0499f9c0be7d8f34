#include "gateway/gateway_test.hpp"

namespace keyfob::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(GatewayTest, carries_the_token_of_the_vehicles_grant) {
  start();
  const Message answer = ask("GET /v2/cars/car1/odometer?unit=km");
  EXPECT_EQ(answer.body, "Bearer g1-1||");
  EXPECT_EQ(answer.header("keyfob-grant"), "g1");
  EXPECT_EQ(answer.header("keyfob-refreshed"), "");
  EXPECT_EQ(seen_.front().start_line, "GET /v2/cars/car1/odometer?unit=km HTTP/1.1");
  EXPECT_EQ(ask("GET /v2/cars/car2/odometer/").body, "Bearer g2-1||");
}

TEST_F(GatewayTest, never_shows_the_provider_who_asked) {
  start();
  ask("GET /v2/cars/car1/odometer", "Keyfob-User: anna\r\nKeyfob-Other: x\r\n");
  EXPECT_THAT(seen_.front().raw_head, Not(HasSubstr("key")));
  EXPECT_THAT(seen_.front().raw_head, Not(HasSubstr("eyfob-")));
}

TEST_F(GatewayTest, serves_the_api_on_the_same_connection) {
  start();
  EXPECT_EQ(ask("GET /v1/token?vehicle=car1").body, "api /v1/token?vehicle=car1");
  EXPECT_EQ(ask("GET /v2/cars/car1/odometer").status(), 200);
}

TEST_F(GatewayTest, asks_who_is_calling_once_per_connection_and_again_after_a_change) {
  start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("GET /v2/cars/car1/odometer").status(), 200);
  EXPECT_EQ(gatekeeper_.asked, 1);
  expect_problem(ask("GET /v2/cars/car1/odometer", {}, "wrong"), 401, "unauthenticated");
  EXPECT_EQ(ask("GET /v2/cars/car1/odometer").status(), 200);
  gatekeeper_.change("Bearer key", std::nullopt);
  const Message refused = ask("GET /v2/cars/car1/odometer");
  expect_problem(refused, 401, "unauthenticated");
  EXPECT_THAT(refused.header("www-authenticate"), HasSubstr("Bearer"));
}

TEST_F(GatewayTest, notices_when_an_admission_expires_on_an_open_connection) {
  Admission brief = caller_with({Permission::gateway});
  brief.expires_at = from_unix_ms(clock_.now + 1000);
  gatekeeper_.callers["Bearer brief"] = brief;
  start();
  EXPECT_EQ(ask("GET /v2/cars/car1/odometer", {}, "brief").status(), 200);
  gatekeeper_.callers.erase("Bearer brief");
  EXPECT_EQ(ask("GET /v2/cars/car1/odometer", {}, "brief").status(), 200);
  clock_.now += 1000;
  expect_problem(ask("GET /v2/cars/car1/odometer", {}, "brief"), 401, "unauthenticated");
}

TEST_F(GatewayTest, holds_callers_to_their_permissions_users_and_routes) {
  gatekeeper_.callers["Bearer nothing"] = caller_with({Permission::grant_read});
  Admission annas = caller_with({Permission::gateway, Permission::management});
  annas.users = {"anna"};
  gatekeeper_.callers["Bearer annas"] = annas;
  Admission odometer = caller_with({Permission::gateway});
  odometer.routes = {"GET /v2/cars/*/odometer"};
  gatekeeper_.callers["Bearer odometer"] = odometer;
  Admission confused = caller_with({Permission::gateway});
  confused.routes = {"GET no-slash"};
  gatekeeper_.callers["Bearer confused"] = confused;
  start();
  expect_problem(ask("GET /v2/cars/car1/odometer", {}, "nothing"), 403, "forbidden");
  EXPECT_EQ(ask("GET /v2/cars/car1/odometer", {}, "annas").status(), 200);
  expect_problem(ask("GET /v2/cars/car2/odometer", {}, "annas"), 403, "forbidden");
  expect_problem(ask("GET /v2/management/all", {}, "annas"), 403, "forbidden");
  expect_problem(ask("GET /v2/management/all", "Keyfob-User: anna\r\n", "annas"), 403, "forbidden");
  expect_problem(ask("GET /v2/management/all"), 403, "forbidden");
  EXPECT_EQ(ask("GET /v2/cars/car2/odometer", {}, "odometer").status(), 200);
  expect_problem(ask("DELETE /v2/cars/car2/odometer", {}, "odometer"), 403, "forbidden");
  expect_problem(ask("GET /v2/cars/car2/location", {}, "odometer"), 403, "forbidden");
  expect_problem(ask("GET /v2/cars/car1/odometer", {}, "confused"), 403, "forbidden");
  EXPECT_EQ(seen(), 2U);
}

TEST_F(GatewayTest, says_when_it_is_the_provider_s_id_of_the_owner_that_is_missing) {
  tokens_.vehicles["car1"].provider_user = "";
  start();
  const Message answer = ask("GET /v3/cars/car1");
  expect_problem(answer, 400, "user_required");
  EXPECT_THAT(answer.body, HasSubstr("provider_user"));
  EXPECT_THAT(ask("GET /v2/cars").body, Not(HasSubstr("provider_user")));
}

TEST_F(GatewayTest, a_caller_kept_to_one_user_need_not_name_it) {
  Admission annas = caller_with({Permission::gateway});
  annas.users = {"anna"};
  gatekeeper_.callers["Bearer annas"] = annas;
  annas.users.insert("bert");
  gatekeeper_.callers["Bearer both"] = annas;
  start();
  EXPECT_EQ(ask("GET /v2/cars", {}, "annas").header("keyfob-grant"), "g1");
  expect_problem(ask("GET /v2/cars", "Keyfob-User: bert\r\n", "annas"), 403, "forbidden");
  expect_problem(ask("GET /v2/cars", {}, "both"), 400, "user_required");
  EXPECT_EQ(ask("GET /open/door", {}, "annas").header("keyfob-grant"), "") << "the route is about nobody";
}

TEST_F(GatewayTest, resolves_a_request_that_names_only_a_user) {
  start();
  expect_problem(ask("GET /v2/cars"), 400, "user_required");
  EXPECT_EQ(ask("GET /v2/cars", "Keyfob-User: bert\r\n").body, "Bearer g2-1||");
  expect_problem(ask("GET /v2/cars", "Keyfob-User: nobody\r\n"), 404, "unknown_grant");
  expect_problem(ask("GET /v2/cars", "Keyfob-User: bert\r\nKeyfob-User: anna\r\n"), 400, "bad_request");
  expect_problem(ask("GET /v2/cars", "Keyfob-User: " + std::string(257, 'x') + "\r\n"), 400, "bad_request");
}

TEST_F(GatewayTest, never_forwards_a_contradiction) {
  start();
  expect_problem(ask("GET /v2/cars/car1/odometer", "Keyfob-User: bert\r\n"), 403, "forbidden");
  expect_problem(ask("GET /v2/cars/car9/odometer", "Keyfob-User: bert\r\n"), 404, "unknown_grant");
  expect_problem(ask("GET /v2/users/pu-anna/cars", "Keyfob-User: bert\r\n"), 403, "forbidden");
  EXPECT_EQ(seen(), 0U);
  EXPECT_EQ(ask("GET /v2/users/pu-bert/cars", "Keyfob-User: bert\r\n").status(), 200);
}

TEST_F(GatewayTest, never_forwards_a_path_that_can_be_read_in_two_ways) {
  start();
  for (const char* path : {"/v2/cars/car1/../car2/odometer", "/v2/cars/car1/%2e%2e/x", "/v2/cars//odometer",
                           "/v2/cars/car1%2fodometer", "/v2/cars/car1/a%00b", "/v2/./cars", "/v2/cars/car1/%2E/x"}) {
    expect_problem(ask(std::string("GET ") + path), 400, "bad_request");
  }
  expect_problem(ask("GET /v9/unknown"), 404, "no_route");
  EXPECT_EQ(seen(), 0U);
}

TEST_F(GatewayTest, gives_management_to_those_who_have_it) {
  gatekeeper_.callers["Bearer boss"] = caller_with({Permission::management});
  start();
  EXPECT_EQ(ask("GET /v2/management/connections", {}, "boss").body, "Test app management||");
  expect_problem(ask("GET /v2/cars/car1/odometer", {}, "boss"), 403, "forbidden");
}

TEST_F(GatewayTest, forwards_open_routes_without_a_credential) {
  start();
  EXPECT_EQ(ask("GET /open/data").body, "||");
}

TEST_F(GatewayTest, answers_a_head_that_is_not_strict_in_its_own_name) {
  start();
  caller_.write("GET /v2/cars/car1/odometer HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
  expect_problem(read_message(caller_), 400, "bad_request");
  EXPECT_TRUE(caller_.at_end());
}

TEST(GatewayPlan, refuses_a_profile_that_cannot_work) {
  ProviderProfile profile;
  profile.name = "p";
  profile.routes = {{.match = "/a", .origin = "https://a.example", .inject = {{"x", "{nonsense}"}}}};
  EXPECT_FALSE(Plan::compile({profile}).has_value());
  profile.routes = {{.match = "no slash", .origin = "https://a.example"}};
  EXPECT_FALSE(Plan::compile({profile}).has_value());
  profile.routes = {{.match = "/a", .origin = "https://a.example", .inject = {{"x", "a\nb"}}}};
  EXPECT_FALSE(Plan::compile({profile}).has_value());
}

}  // namespace
}  // namespace keyfob::gateway
