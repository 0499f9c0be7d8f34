#include "model/connect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyfob::sim {
namespace {

using testing::HasSubstr;
using testing::Optional;
using testing::StartsWith;

class ConnectTest : public testing::Test {
 protected:
  ConnectTest() { owner_ = world_.owners.add("ann@example.com", 3, now_).id; }

  static ConnectRequest request() {
    ConnectRequest r;
    r.client_id = "app";
    r.response_type = "code";
    r.redirect_uri = "https://app.example/cb";
    r.state = "a b";
    return r;
  }
  std::string allow(const ConnectRequest& r) { return conclude(world_, r, {}, now_); }
  const Grant& exchange(const std::string& location) {
    const auto at = location.find("code=") + 5;
    const std::string code = location.substr(at, 36);
    EXPECT_TRUE(world_.desk.exchange_code("app", code, "", now_)) << location;
    return world_.desk.grants().back();
  }

  WallTime now_ = from_unix_ms(1'700'000'000'000);
  World world_{Settings{}, 3};
  std::string owner_;
};

TEST_F(ConnectTest, an_allowed_request_comes_back_with_code_user_id_and_state) {
  const std::string location = allow(request());
  EXPECT_THAT(location, StartsWith("https://app.example/cb?code="));
  EXPECT_THAT(location, HasSubstr("&user_id=" + owner_ + "&state=a%20b"));
  EXPECT_EQ(exchange(location).consent.vehicles.size(), 3U);
}

TEST_F(ConnectTest, a_redirect_uri_keeps_its_own_query) {
  ConnectRequest r = request();
  r.redirect_uri = "https://app.example/cb?tab=1";
  EXPECT_THAT(allow(r), StartsWith("https://app.example/cb?tab=1&code="));
}

TEST_F(ConnectTest, single_select_gives_one_vehicle_and_a_vin_says_which) {
  ConnectRequest r = request();
  r.single_select = "true";
  const Grant& any = exchange(allow(r));
  EXPECT_EQ(any.consent.vehicles.size(), 1U);
  EXPECT_TRUE(any.consent.single_select);

  const std::string third = world_.owners.find(owner_)->vehicles[2];
  r.single_select_vin = world_.owners.vehicle(third)->vin;
  EXPECT_THAT(exchange(allow(r)).consent.vehicles, testing::ElementsAre(third));
}

TEST_F(ConnectTest, the_scope_is_frozen_in_the_grant_without_its_prefix) {
  ConnectRequest r = request();
  r.scope = "required:read_vin read_odometer";
  const Scopes scopes = exchange(allow(r)).consent.scopes;
  EXPECT_THAT(std::vector<std::string>(scopes.begin(), scopes.end()),
              testing::ElementsAre("read_odometer", "read_vin"));
}

TEST_F(ConnectTest, the_owner_chooses_among_his_own_vehicles_only) {
  const std::string foreign = world_.owners.add("bob@example.com", 1, now_).vehicles[0];
  const std::string own = world_.owners.find(owner_)->vehicles[1];
  const std::string location = conclude(world_, request(), {"", owner_, {own, foreign}}, now_);
  EXPECT_THAT(exchange(location).consent.vehicles, testing::ElementsAre(own));
}

TEST_F(ConnectTest, each_refusal_comes_back_with_its_fixed_text) {
  const auto refused = [&](const std::string& error) { return conclude(world_, request(), {error, "", {}}, now_); };
  EXPECT_THAT(refused("access_denied"),
              HasSubstr("?error=access_denied&error_description=User%20denied%20access%20to%20application.&state="));
  EXPECT_THAT(refused("vehicle_incompatible"), HasSubstr("&vin=0SCAUDI012FE3B132&make=AUDI"));
}

TEST_F(ConnectTest, test_mails_decide_about_consent_and_vehicles) {
  const auto as = [&](const std::string& email) { return conclude(world_, request(), {"", email, {}}, now_); };
  EXPECT_THAT(as("smartcar@invalid-subscription.com"), HasSubstr("error=invalid_subscription"));
  const Grant& grant = exchange(as("VEHICLE_STATE.ASLEEP@smartcar.com"));
  const Vehicle& vehicle = *world_.owners.vehicle(grant.consent.vehicles.at(0));
  EXPECT_EQ(vehicle.error_type, "VEHICLE_STATE");
  EXPECT_EQ(vehicle.error_code, "ASLEEP");
}

TEST_F(ConnectTest, a_wrong_parameter_is_told_to_the_application) {
  ConnectRequest r = request();
  r.response_type = "token";
  EXPECT_THAT(allow(r), HasSubstr("error=configuration_error"));
  r = request();
  r.single_select_vin = "5YJ3E1EA000000001";
  EXPECT_THAT(allow(r), HasSubstr("single_select_vin"));
  r = request();
  r.scope = "read_minds";
  EXPECT_THAT(allow(r), HasSubstr("read_minds"));
}

TEST_F(ConnectTest, nobody_is_sent_to_an_address_that_is_not_permitted) {
  for (const char* bad : {"", "http://evil.example/cb", "http://localhost.evil.example/", "javascript:alert(1)"}) {
    ConnectRequest r = request();
    r.redirect_uri = bad;
    EXPECT_THAT(fatal_problem(world_.clients, r), Optional(StartsWith("Invalid parameter redirect_uri"))) << bad;
  }
  for (const char* good : {"http://localhost:8000/cb", "http://127.0.0.1/cb", "https://x/", "scapp://host/cb"}) {
    ConnectRequest r = request();
    r.redirect_uri = good;
    EXPECT_EQ(fatal_problem(world_.clients, r), std::nullopt) << good;
  }
}

TEST_F(ConnectTest, a_registered_client_is_held_to_its_redirect_uris) {
  world_.clients.put("app").redirect_uris = {"https://app.example/cb", "https://app.example/other"};
  EXPECT_EQ(fatal_problem(world_.clients, request()), std::nullopt);
  ConnectRequest r = request();
  r.redirect_uri = "https://app.example/cb/";
  EXPECT_NE(fatal_problem(world_.clients, r), std::nullopt);
  r.redirect_uri = "";
  EXPECT_THAT(allow(r), StartsWith("https://app.example/cb?")) << "the first one is the default";
  r.client_id = "stranger";
  EXPECT_THAT(fatal_problem(world_.clients, r), Optional(std::string("Invalid parameter client_id: stranger")));
}

TEST_F(ConnectTest, re_authentication_mends_the_account_and_gives_no_code) {
  Vehicle& vehicle = *world_.owners.vehicle(world_.owners.find(owner_)->vehicles[0]);
  vehicle.error_type = "CONNECTED_SERVICES_ACCOUNT";
  vehicle.error_code = "AUTHENTICATION_FAILED";
  ConnectRequest r = request();
  r.response_type = "vehicle_id";
  r.vehicle_id = vehicle.id;
  EXPECT_EQ(conclude_reauthentication(world_, r, {}),
            "https://app.example/cb?vehicle_id=" + vehicle.id + "&state=a%20b");
  EXPECT_TRUE(vehicle.error_type.empty());
}

TEST_F(ConnectTest, a_car_with_the_same_vin_is_one_vehicle_with_two_owners) {
  Owner& bob = world_.owners.add("bob@example.com", 0, now_);
  const std::string shared = world_.owners.find(owner_)->vehicles[0];
  world_.owners.add_vehicle(bob, world_.owners.vehicle(shared)->vin, now_);
  EXPECT_THAT(bob.vehicles, testing::ElementsAre(shared));
  (void)allow(request());
  (void)conclude(world_, request(), {"", "bob@example.com", {}}, now_);
  const auto connections = world_.connections([&](const Connection& c) { return c.vehicle == shared; });
  ASSERT_EQ(connections.size(), 2U);
  world_.disconnect([&](const Connection& c) { return c.user == bob.id; });
  EXPECT_EQ(world_.connections([&](const Connection& c) { return c.vehicle == shared; }).size(), 1U);
}

}  // namespace
}  // namespace keyfob::sim
