#include "web/sim_test.hpp"

namespace keyfob::sim {
namespace {

using testing::HasSubstr;

class VehicleRoutes : public SimTest {
 protected:
  VehicleRoutes() {
    const json::object user = steer("users", {{"email", "ann@example.com"}, {"vehicles", 4}}).object();
    user_ = *text_of(user, "id");
    const Answer pair = steer("issue", {{"user", user_}, {"client_id", "app"}});
    token_ = pair.text("access_token");
    vehicles_ = texts_of(pair.object(), "vehicles");
    steer("vehicle", {{"id", vehicles_[0]}, {"powertrain", "BEV"}});
    steer("vehicle", {{"id", vehicles_[1]}, {"powertrain", "ICE"}});
  }
  Answer vehicle(const std::string& rest, std::vector<http::Header> more = {}) {
    auto headers = bearer(token_);
    headers.insert(headers.end(), more.begin(), more.end());
    return get("/v2.0/vehicles/" + vehicles_[0] + rest, std::move(headers));
  }
  Answer command(const std::string& rest, std::string body, const std::string& method = "POST") {
    return call({method, "/v2.0/vehicles/" + vehicles_[0] + rest, bearer(token_), std::move(body)});
  }
  std::string user_;
  std::string token_;
  std::vector<std::string> vehicles_;
};

TEST_F(VehicleRoutes, tell_whose_token_it_is_and_which_vehicles_it_opens) {
  EXPECT_EQ(get("/v2.0/user", bearer(token_)).body, R"({"id":")" + user_ + "\"}");
  const Answer page = get("/v2.0/vehicles/?limit=2&offset=3", bearer(token_));
  EXPECT_EQ(page.body, R"({"vehicles":[")" + vehicles_[3] + R"("],"paging":{"count":4,"offset":3}})");
  EXPECT_EQ(get("/v2.0/vehicles?limit=51", bearer(token_)).text("type"), "VALIDATION");
}

TEST_F(VehicleRoutes, answer_each_reading_with_lower_case_headers) {
  for (const char* path : {"", "/", "/vin", "/odometer", "/location", "/battery", "/battery/capacity",
                           "/battery/nominal_capacity", "/charge", "/charge/limit", "/tires/pressure", "/security",
                           "/service/history", "/diagnostics/system_status", "/diagnostics/dtcs"}) {
    const Answer answer = vehicle(path);
    EXPECT_EQ(answer.status, 200) << path << answer.body;
    for (const char* name : {"sc-request-id", "sc-data-age", "sc-fetched-at", "sc-unit-system"}) {
      const auto spelled = [&](const http::Header& header) { return header.name == name; };
      EXPECT_TRUE(std::ranges::any_of(answer.headers, spelled)) << path << " " << name;
    }
  }
}

TEST_F(VehicleRoutes, convert_to_imperial_units_on_request) {
  steer("vehicle", {{"id", vehicles_[0]}, {"odometer", 100}});
  EXPECT_EQ(vehicle("/odometer").body, R"({"distance":100})");
  const Answer miles = vehicle("/odometer", {{"sc-unit-system", "imperial"}});
  EXPECT_EQ(miles.body, R"({"distance":62.14})");
  EXPECT_EQ(miles.header("sc-unit-system"), "imperial");
}

TEST_F(VehicleRoutes, refuse_without_a_token_and_after_its_expiry_with_every_key) {
  const std::string path = "/v2.0/vehicles/" + vehicles_[0];
  for (const Answer& answer : {get(path), get(path, bearer("nonsense"))}) {
    EXPECT_EQ(answer.status, 401);
    for (const char* key : {"type", "code", "description", "docURL", "statusCode", "requestId", "resolution"}) {
      EXPECT_TRUE(answer.object().contains(key)) << key;
    }
    EXPECT_EQ(answer.text("type"), "AUTHENTICATION");
    EXPECT_EQ(answer.text("requestId"), answer.header("sc-request-id"));
  }
  advance(seconds(7200));
  EXPECT_EQ(vehicle("/odometer").status, 401);
}

TEST_F(VehicleRoutes, refuse_foreign_vehicles_malformed_ids_and_unknown_paths) {
  const std::string foreign = texts_of(steer("issue").object(), "vehicles").at(0);
  EXPECT_EQ(get("/v2.0/vehicles/" + foreign, bearer(token_)).text("type"), "PERMISSION");
  EXPECT_EQ(get("/v2.0/vehicles/nonsense", bearer(token_)).status, 400);
  EXPECT_EQ(vehicle("/soul").text("type"), "RESOURCE_NOT_FOUND");
  EXPECT_EQ(get("/v9.9/user", bearer(token_)).text("code"), "VERSION");
}

TEST_F(VehicleRoutes, hold_a_grant_to_its_scopes_and_a_car_to_what_it_can) {
  const json::array scope{"read_odometer"};
  token_ = steer("issue", {{"user", user_}, {"scope", scope}}).text("access_token");
  EXPECT_EQ(vehicle("/odometer").status, 200);
  EXPECT_EQ(vehicle("/location").status, 403);
  EXPECT_EQ(vehicle("/permissions").body, R"({"permissions":["read_odometer"],"paging":{"count":1,"offset":0}})");
  token_ = steer("issue", {{"user", user_}}).text("access_token");
  EXPECT_EQ(vehicle("/fuel").status, 501);
  EXPECT_EQ(get("/v2.0/vehicles/" + vehicles_[1] + "/fuel", bearer(token_)).status, 200);
}

TEST_F(VehicleRoutes, carry_out_commands_and_accept_numbers_as_strings) {
  EXPECT_EQ(command("/security", R"({"action":"UNLOCK"})").body,
            R"({"status":"success","message":"Successfully sent request to vehicle"})");
  EXPECT_THAT(vehicle("/security").body, HasSubstr(R"("isLocked":false)"));
  EXPECT_EQ(command("/charge/limit", R"({"limit":"0.9"})").status, 200);
  EXPECT_EQ(vehicle("/charge/limit").body, R"({"limit":0.9})");
  EXPECT_EQ(command("/charge/limit", R"({"limit":9})").status, 400);
  EXPECT_EQ(command("/charge", R"({"action":"STOP"})").status, 200);
  EXPECT_THAT(vehicle("/charge").body, HasSubstr("NOT_CHARGING"));
}

TEST_F(VehicleRoutes, answer_below_the_make_of_the_vehicle_in_lower_case) {
  steer("vehicle", {{"id", vehicles_[0]}, {"make", "TESLA"}});
  EXPECT_EQ(vehicle("/tesla/compass").text("direction"), "S");
  EXPECT_EQ(vehicle("/TESLA/compass").status, 403);
  EXPECT_EQ(vehicle("/bmw/compass").status, 403);
  EXPECT_EQ(vehicle("/tesla/nothing").status, 404);
}

TEST_F(VehicleRoutes, lead_to_the_page_where_an_account_error_is_mended) {
  steer("vehicle",
        {{"id", vehicles_[0]}, {"error_type", "CONNECTED_SERVICES_ACCOUNT"}, {"error_code", "AUTHENTICATION_FAILED"}});
  const json::object resolution = vehicle("/odometer").object().at("resolution").as_object();
  const std::string url = *text_of(resolution, "url");
  EXPECT_THAT(url, testing::HasSubstr("/oauth/reauthenticate?response_type=vehicle_id"));
  const std::string target = url.substr(url.find("/oauth")) + "&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&state=s";
  EXPECT_EQ(get(target).header("location"), "http://localhost/cb?vehicle_id=" + vehicles_[0] + "&state=s");
  EXPECT_EQ(vehicle("/odometer").status, 200) << "the tokens work again";
}

TEST_F(VehicleRoutes, throttle_a_vehicle_and_bill_for_it_when_told_to) {
  steer("settings", {{"vehicle_limit", 2}, {"vehicle_window", 30}});
  EXPECT_EQ(vehicle("/odometer").status, 200);
  EXPECT_EQ(vehicle("/vin").status, 200);
  advance(seconds(10));
  const Answer throttled = vehicle("/vin");
  EXPECT_EQ(throttled.status, 429);
  EXPECT_EQ(throttled.text("code"), "VEHICLE");
  EXPECT_EQ(throttled.header("retry-after"), "20");
  advance(seconds(20));
  EXPECT_EQ(vehicle("/vin").status, 200);
  steer("settings", {{"vehicle_limit", 0}, {"vehicle_quota", 4}});
  EXPECT_EQ(vehicle("/vin").status, 200);
  EXPECT_EQ(vehicle("/vin").status, 430);
}

TEST_F(VehicleRoutes, answer_a_batch_item_by_item) {
  const Answer answer = command("/batch", R"({"requests":[{"path":"/odometer"},{"path":"/fuel"},{"path":"/soul"}]})");
  EXPECT_EQ(answer.status, 200);
  const json::object body = answer.object();
  const json::array& items = body.at("responses").as_array();
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].at("code").as_int64(), 200);
  EXPECT_TRUE(items[0].at("headers").as_object().contains("sc-data-age"));
  EXPECT_EQ(items[1].at("code").as_int64(), 501);
  EXPECT_EQ(items[2].at("code").as_int64(), 404);
}

TEST_F(VehicleRoutes, fail_as_the_test_mail_says) {
  const std::string email = "RATE_LIMIT.VEHICLE@smartcar.com";
  steer("users", {{"email", email}});
  const Answer pair = steer("issue", {{"user", email}});
  const std::string id = texts_of(pair.object(), "vehicles").at(0);
  const Answer answer = get("/v2.0/vehicles/" + id + "/odometer", bearer(pair.text("access_token")));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("retry-after"), "60");
}

TEST_F(VehicleRoutes, disconnect_one_vehicle_and_leave_the_others) {
  EXPECT_EQ(command("/application", "{}", "DELETE").body, R"({"status":"success"})");
  EXPECT_EQ(vehicle("/odometer").status, 403);
  EXPECT_EQ(get("/v2.0/vehicles/" + vehicles_[1] + "/odometer", bearer(token_)).status, 200);
}

TEST_F(VehicleRoutes, lose_an_owner_who_revokes) {
  steer("settings", {{"after_disconnect", "401"}});
  EXPECT_EQ(steer("revoke", {{"user", user_}}).text("connections"), "4");
  EXPECT_EQ(vehicle("/odometer").status, 401);
}

TEST_F(VehicleRoutes, can_be_made_to_fail_for_one_vehicle) {
  steer("fault", {{"where", "api"},
                  {"kind", "status"},
                  {"type", "UPSTREAM"},
                  {"code", "NO_RESPONSE"},
                  {"vehicle", vehicles_[0]},
                  {"times", 0}});
  EXPECT_EQ(get("/v2.0/vehicles/" + vehicles_[1], bearer(token_)).status, 200);
  EXPECT_EQ(vehicle("/odometer").status, 502);
  EXPECT_EQ(vehicle("/odometer").status, 502);
  call({"DELETE", "/_sim/fault", {}, ""});
  EXPECT_EQ(vehicle("/odometer").status, 200);
}

TEST_F(VehicleRoutes, forgive_the_java_sdk_its_query_in_the_path) {
  EXPECT_EQ(vehicle("/service/history%3Fstart_date=2026-01-01&end_date=2026-02-01").status, 200);
}

}  // namespace
}  // namespace keyfob::sim
