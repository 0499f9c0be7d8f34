// Webhooks end to end: a receiver beside the simulator, on the same thread.
#include "web/courier.hpp"

#include "crypto/hash.hpp"
#include "web/sim_test.hpp"

namespace keyfob::sim {
namespace {

constexpr const char* kKey = "amt";

class CourierTest : public SimTest {
 protected:
  CourierTest() {
    const auto receive = [this](http::Request request) -> boost::asio::awaitable<http::StagedResponse> {
      seen_.push_back(request);
      co_return http::StagedResponse{.response = answer(request)};
    };
    receiver_ = http::BeastServer::listen_staged(io_.get_executor(), "127.0.0.1:0", receive).value();
  }

  http::Response answer(const http::Request& request) {
    if (statuses_.size() < seen_.size()) statuses_.push_back(200);
    const int status = statuses_.at(seen_.size() - 1);
    const json::object body = *parse_object(request.body);
    boost::system::error_code missing;
    const json::value whole = body;
    const json::value* challenge = whole.find_pointer("/data/challenge", missing);
    if (challenge == nullptr) challenge = whole.find_pointer("/payload/challenge", missing);
    if (challenge == nullptr || !proves_) return json_response(status, json::object());
    const std::string text(challenge->as_string());
    return json_response(status, json::object{{"challenge", crypto::hmac_sha256_hex(as_bytes(kKey), as_bytes(text))}});
  }

  json::object add_webhook(json::object more = {}) {
    more["url"] = receiver_->origin() + "/hook";
    more["management_token"] = kKey;
    return steer("webhooks", more).object();
  }
  /// A verified webhook about the connections of one owner, who is told nothing yet.
  std::string subscribed_vehicle(json::object more = {}) {
    more["subscribes_all"] = true;
    add_webhook(std::move(more));
    run_until([this] { return seen_.size() == 1; });
    const Answer issued = steer("issue");
    run_until([this] { return seen_.size() == 2; });
    return std::string(issued.object().at("vehicles").as_array()[0].as_string());
  }

  json::value body(std::size_t i) { return *parse_object(seen_.at(i).body); }
  json::value at(std::size_t i, const char* pointer) {
    boost::system::error_code missing;
    const json::value whole = body(i);
    const json::value* found = whole.find_pointer(pointer, missing);
    return found == nullptr ? json::value() : *found;
  }
  std::string state() {
    return *text_of(get("/_sim/webhooks").object().at("webhooks").as_array()[0].as_object(), "state");
  }
  json::object newest_delivery() { return get("/_sim/deliveries").object().at("deliveries").as_array()[0].as_object(); }
  /// Until the newest delivery has this state.
  void settle(const char* state) {
    run_until([&] { return to_string(sim_.world->webhooks.deliveries().back().state) == state; });
  }

  std::vector<http::Request> seen_;
  std::vector<int> statuses_;  ///< by request; 200 for more
  bool proves_ = true;
  std::optional<http::BeastServer> receiver_;
};

TEST(Signature, the_vendors_vectors) {
  EXPECT_EQ(crypto::hmac_sha256_hex(as_bytes("amt"), as_bytes("challenge")),
            "9baf5a7464bd86740ad5a06e439dcf535a075022ed2c92d74efacf646d79328e");
  EXPECT_EQ(crypto::hmac_sha256_hex(as_bytes("amt"), as_bytes(R"({"pizza":"pasta"})")),
            "4c05a8da471f05156ad717baa4017acd13a3a809850b9ca7d3301dcaaa854f70");
}

TEST_F(CourierTest, a_webhook_is_verified_by_the_hmac_of_its_challenge) {
  EXPECT_EQ(*text_of(add_webhook(), "state"), "unverified");
  run_until([this] { return !seen_.empty(); });
  settle("delivered");
  EXPECT_EQ(state(), "verified");
  EXPECT_EQ(at(0, "/eventType"), "VERIFY");
  EXPECT_FALSE(seen_[0].header("sc-signature")) << "in the field VERIFY comes unsigned";
  EXPECT_EQ(seen_[0].header("user-agent"), "Smartcar/4.0");
}

TEST_F(CourierTest, a_wrong_answer_to_the_challenge_refuses_the_webhook_until_it_is_asked_again) {
  proves_ = false;
  const std::string id = *text_of(add_webhook(), "id");
  run_until([this] { return !seen_.empty(); });
  settle("dropped");
  EXPECT_EQ(state(), "refused");
  proves_ = true;
  steer("webhooks/" + id + "/verify");
  run_until([this] { return seen_.size() == 2; });
  settle("delivered");
  EXPECT_EQ(state(), "verified");
}

TEST_F(CourierTest, a_subscription_begins_with_a_first_delivery_and_goes_on_with_changes) {
  const std::string vehicle = subscribed_vehicle();
  EXPECT_EQ(at(1, "/eventType"), "VEHICLE_STATE");
  EXPECT_EQ(at(1, "/triggers/0/type"), "FIRST_DELIVERY");
  EXPECT_EQ(at(1, "/data/vehicle/id"), json::value(json::string_view(vehicle)));
  steer("vehicle", {{"id", vehicle}, {"odometer", 5}});
  run_until([this] { return seen_.size() == 3; });
  EXPECT_EQ(at(2, "/triggers/0/signal/code"), "odometer-traveleddistance");
  EXPECT_EQ(at(2, "/triggers/1").is_null(), true);
  EXPECT_EQ(at(2, "/meta/version"), "4.0");
  EXPECT_EQ(at(2, "/meta/mode"), "LIVE");
  EXPECT_EQ(at(2, "/meta/signalCount").as_int64(), static_cast<std::int64_t>(at(2, "/data/signals").as_array().size()));
}

TEST_F(CourierTest, every_body_is_signed_as_it_is_sent) {
  subscribed_vehicle();
  EXPECT_EQ(seen_[1].header("sc-signature"), crypto::hmac_sha256_hex(as_bytes(kKey), as_bytes(seen_[1].body)));
  EXPECT_EQ(seen_[1].header("content-type"), "application/json");
}

TEST_F(CourierTest, commands_are_told_too) {
  const std::string vehicle = subscribed_vehicle();
  const std::string token =
      steer("issue", {{"user", std::string(at(1, "/data/user/id").as_string())}}).text("access_token");
  call({"POST", "/v2.0/vehicles/" + vehicle + "/security", bearer(token), R"({"action":"UNLOCK"})"});
  run_until([this] { return seen_.size() == 3; });
  EXPECT_EQ(at(2, "/triggers/0/signal/code"), "closure-islocked");
}

TEST_F(CourierTest, failed_deliveries_follow_the_schedule_of_the_simulators_clock) {
  statuses_ = {200, 200, 500, 302, 404, 200};
  const std::string vehicle = subscribed_vehicle();
  steer("vehicle", {{"id", vehicle}, {"odometer", 5}});
  for (const auto& [count, pause] : {std::pair{3U, 25}, {4U, 50}, {5U, 100}}) {
    run_until([&] { return seen_.size() == count; });
    settle("waiting");
    advance(seconds(pause - 1));
    EXPECT_EQ(seen_.size(), count);
    advance(seconds(1));
  }
  run_until([this] { return seen_.size() == 6; });
  settle("delivered");
  EXPECT_EQ(newest_delivery().at("attempts").as_int64(), 4);
  EXPECT_EQ(at(2, "/eventId"), at(5, "/eventId"));
  EXPECT_NE(at(2, "/meta/deliveryId"), at(5, "/meta/deliveryId"));
}

TEST_F(CourierTest, after_the_fourth_failure_the_event_is_dropped) {
  statuses_ = {200, 200, 500, 500, 500, 500};
  const std::string vehicle = subscribed_vehicle();
  steer("vehicle", {{"id", vehicle}, {"odometer", 5}});
  for (const int pause : {25, 50, 100}) {
    settle("waiting");
    advance(seconds(pause));
  }
  settle("dropped");
  EXPECT_EQ(seen_.size(), 6U);
}

TEST_F(CourierTest, account_errors_are_told_and_resolved_by_reauthentication) {
  const std::string vehicle = subscribed_vehicle();
  steer("vehicle",
        {{"id", vehicle}, {"error_type", "CONNECTED_SERVICES_ACCOUNT"}, {"error_code", "AUTHENTICATION_FAILED"}});
  run_until([this] { return seen_.size() == 3; });
  EXPECT_EQ(at(2, "/eventType"), "VEHICLE_ERROR");
  EXPECT_EQ(at(2, "/data/errors/0/state"), "ERROR");
  EXPECT_EQ(at(2, "/data/errors/0/resolution/type"), "REAUTHENTICATE");
  call({"POST", "/_sim/consent", {}, "{}"});
  get("/oauth/"
      "reauthenticate?response_type=vehicle_id&client_id=app&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&vehicle_id=" +
      vehicle);
  run_until([this] { return seen_.size() == 4; });
  EXPECT_EQ(at(3, "/data/errors/0/state"), "RESOLVED");
}

TEST_F(CourierTest, false_alarms_forgeries_and_any_body_can_be_sent) {
  subscribed_vehicle();
  steer("event", {{"error_type", "CONNECTED_SERVICES_ACCOUNT"}, {"error_code", "PERMISSION"}});
  run_until([this] { return seen_.size() == 3; });
  EXPECT_EQ(at(2, "/data/errors/0/code"), "PERMISSION");
  steer("event", {{"body", json::object{{"eventType", "NEW"}, {"x", 1}}}, {"forged", true}});
  run_until([this] { return seen_.size() == 4; });
  EXPECT_EQ(at(3, "/x").as_int64(), 1);
  EXPECT_NE(seen_[3].header("sc-signature"), crypto::hmac_sha256_hex(as_bytes(kKey), as_bytes(seen_[3].body)));
}

TEST_F(CourierTest, the_2_0_form) {
  const json::object v2{{"version", "2.0"}, {"subscribes_all", true}};
  add_webhook(v2);
  run_until([this] { return seen_.size() == 1; });
  EXPECT_EQ(at(0, "/eventName"), "verify");
  settle("delivered");
  const Answer issued = steer("issue");
  const std::string vehicle(issued.object().at("vehicles").as_array()[0].as_string());
  steer("vehicle", {{"id", vehicle}, {"battery", 0.5}, {"charging", false}});
  run_until([this] { return seen_.size() == 2; });
  EXPECT_EQ(at(1, "/eventName"), "eventBased");
  EXPECT_EQ(at(1, "/payload/eventType"), "CHARGING_STOPPED");
  steer("event");
  run_until([this] { return seen_.size() == 3; });
  EXPECT_EQ(at(2, "/eventName"), "schedule");
  EXPECT_EQ(at(2, "/payload/vehicles/0/data/0/code").as_int64(), 200);
}

TEST_F(CourierTest, a_disconnected_vehicle_is_told_no_more) {
  const std::string vehicle = subscribed_vehicle();
  steer("revoke", {{"vehicle", vehicle}});
  steer("vehicle", {{"id", vehicle}, {"odometer", 5}});
  EXPECT_EQ(get("/_sim/deliveries").object().at("deliveries").as_array().size(), 2U);
}

TEST_F(CourierTest, v3_subscriptions_are_made_listed_and_ended) {
  const std::string hook = *text_of(add_webhook(), "id");
  run_until([this] { return seen_.size() == 1; });
  const json::object issued = steer("issue").object();
  const std::string form = "grant_type=client_credentials&client_id=client_1&client_secret=s";
  const auto token =
      bearer(call({"POST", "/oauth2/token", {{"content-type", "application/x-www-form-urlencoded"}}, form})
                 .text("access_token"));
  const json::object attributes{
      {"webhookId", hook}, {"userId", issued.at("user_id")}, {"vehicleId", issued.at("vehicles").as_array()[0]}};
  const std::string wanted = to_text(json::object{{"data", json::object{{"attributes", attributes}}}});
  const Answer made = call({"POST", "/v3/subscriptions", token, wanted});
  EXPECT_EQ(made.status, 202);
  EXPECT_EQ(call({"POST", "/v3/subscriptions", token, wanted}).status, 409);
  run_until([this] { return seen_.size() == 2; });
  EXPECT_EQ(get("/v3/webhooks", token).object().at("data").as_array().size(), 1U);
  const json::array listed = get("/v3/subscriptions?filter[webhookId]=" + hook, token).object().at("data").as_array();
  ASSERT_EQ(listed.size(), 1U);
  const std::string path = "/v3/subscriptions/" + *text_of(listed[0].as_object(), "id");
  EXPECT_EQ(get(path, token).status, 200);
  EXPECT_EQ(call({"DELETE", path, token, ""}).status, 204);
  EXPECT_EQ(get(path, token).status, 404);
}

}  // namespace
}  // namespace keyfob::sim
