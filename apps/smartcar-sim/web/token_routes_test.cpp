#include "web/sim_test.hpp"

namespace keyfob::sim {
namespace {

using testing::HasSubstr;

class TokenRoutes : public SimTest {
 protected:
  Answer issue() { return steer("issue", {{"client_id", "app"}}); }
  void plan(json::object fault) { ASSERT_EQ(steer("fault", std::move(fault)).status, 201); }
};

TEST_F(TokenRoutes, answer_a_refresh_with_exactly_the_four_documented_keys) {
  const Answer fresh = refresh(issue().text("refresh_token"));
  EXPECT_EQ(fresh.status, 200);
  EXPECT_EQ(fresh.header("content-type"), "application/json");
  EXPECT_FALSE(fresh.header("sc-request-id").empty());
  EXPECT_EQ(fresh.object().size(), 4U);
  EXPECT_EQ(fresh.text("token_type"), "Bearer");
  EXPECT_EQ(fresh.text("expires_in"), "7200");
}

TEST_F(TokenRoutes, accept_the_client_in_basic_body_and_query_and_say_which) {
  std::string token = issue().text("refresh_token");
  token = refresh(token).text("refresh_token");
  const std::string form = "grant_type=refresh_token&client_id=app&client_secret=s&refresh_token=";
  const std::vector<http::Header> type{{"content-type", "application/x-www-form-urlencoded"}};
  token = call({"POST", "/oauth/token/", type, form + token}).text("refresh_token");
  EXPECT_EQ(stats().at("secrets_in_urls").as_int64(), 0);
  EXPECT_EQ(call({"POST", "/oauth/token?" + form + token, type, ""}).status, 200);
  const json::object after = stats();
  EXPECT_EQ(to_text(after.at("client_auth")), R"({"basic":1,"body":1,"query":1})");
  EXPECT_EQ(after.at("secrets_in_urls").as_int64(), 1);
  EXPECT_THAT(get("/_sim/requests").body, Not(HasSubstr(token))) << "the log keeps digests only";
}

TEST_F(TokenRoutes, refuse_as_smartcar_does) {
  const Answer nonsense = refresh("nonsense");
  EXPECT_EQ(nonsense.status, 400);
  EXPECT_EQ(nonsense.body, R"({"error":"invalid_request","error_description":"Invalid refresh_token: nonsense."})");
  const Answer code = call(token_request("grant_type=authorization_code&code=bad%20code%20here"));
  EXPECT_EQ(code.body, R"({"error":"invalid_request","error_description":"Invalid code: bad code here."})");
  EXPECT_EQ(call(token_request("grant_type=password")).text("error"), "unsupported_grant_type");
  EXPECT_EQ(call(token_request("")).text("error"), "invalid_request");
}

TEST_F(TokenRoutes, know_a_wrong_client_secret_once_the_client_is_registered) {
  const std::string token = issue().text("refresh_token");
  steer("clients", {{"client_id", "app"}, {"client_secret", "other"}});
  const Answer refused = refresh(token);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.text("error"), "invalid_client");
  steer("clients", {{"client_id", "app"}, {"client_secret", "secret"}, {"keep_old", true}});
  EXPECT_EQ(refresh(token).status, 200);
}

TEST_F(TokenRoutes, follow_the_manual_clock_through_the_reuse_window) {
  const std::string token = issue().text("refresh_token");
  const std::string first = refresh(token).text("refresh_token");
  advance(seconds(60));
  EXPECT_EQ(refresh(token).text("refresh_token"), first);
  advance(seconds(1));
  EXPECT_EQ(refresh(token).status, 400);
  EXPECT_EQ(stats().at("late_uses").as_int64(), 1);
}

TEST_F(TokenRoutes, can_drop_the_answer_after_the_rotation_and_recover_inside_the_window) {
  const std::string token = issue().text("refresh_token");
  plan({{"where", "token"}, {"kind", "drop_after_rotation"}});
  EXPECT_EQ(refresh(token).status, 0);
  EXPECT_EQ(stats().at("rotations").as_int64(), 1) << "the dropped answer was a rotation";
  EXPECT_EQ(refresh(token).status, 200);
  EXPECT_EQ(stats().at("rotations").as_int64(), 1);
}

TEST_F(TokenRoutes, can_drop_the_request_before_it_takes_effect) {
  const std::string token = issue().text("refresh_token");
  plan({{"kind", "drop_before"}});
  EXPECT_EQ(refresh(token).status, 0);
  EXPECT_EQ(stats().at("rotations").as_int64(), 0);
}

TEST_F(TokenRoutes, can_hold_a_rotated_answer_until_it_is_released) {
  const std::string token = issue().text("refresh_token");
  plan({{"kind", "hold"}});
  const auto held = send(refresh_request(token));
  run_until([&] { return sim_.held == 1; });
  EXPECT_EQ(stats().at("rotations").as_int64(), 1);
  EXPECT_FALSE(held->has_value());
  steer("release");
  run_until([&] { return held->has_value(); });
  EXPECT_EQ((*held)->status, 200);
  EXPECT_EQ(sim_.held, 0U);
}

TEST_F(TokenRoutes, can_answer_with_every_kind_of_rubbish) {
  const std::string token = issue().text("refresh_token");
  plan({{"kind", "html200"}});
  EXPECT_THAT(refresh(token).body, HasSubstr("<html>"));
  plan({{"kind", "status"}, {"status", 502}});
  EXPECT_EQ(refresh(token).status, 502);
  plan({{"kind", "retry_after"}, {"seconds", 7}});
  const Answer slow = refresh(token);
  EXPECT_EQ(slow.status, 429);
  EXPECT_EQ(slow.header("retry-after"), "7");
  plan({{"kind", "cut_json"}});
  const Answer cut = refresh(token);
  EXPECT_EQ(cut.status, 200);
  EXPECT_FALSE(parse_object(cut.body));
  plan({{"kind", "missing_refresh_token"}});
  const Answer missing = refresh(token);
  EXPECT_FALSE(missing.object().contains("refresh_token"));
  EXPECT_TRUE(missing.object().contains("access_token"));
  plan({{"kind", "cut_body"}});
  EXPECT_EQ(refresh(token).status, 0);
  EXPECT_EQ(stats().at("rotations").as_int64(), 1);
}

TEST_F(TokenRoutes, can_be_struck_for_one_owner_only) {
  const Answer one = issue();
  const Answer two = issue();
  plan({{"kind", "drop_before"}, {"user", one.text("user_id")}});
  EXPECT_EQ(refresh(two.text("refresh_token")).status, 200);
  EXPECT_EQ(refresh(one.text("refresh_token")).status, 0);
}

TEST_F(TokenRoutes, tell_what_they_know_of_a_token) {
  const std::string token = issue().text("refresh_token");
  const std::string next = refresh(token).text("refresh_token");
  const json::object old_facts = steer("inspect", {{"token", token}}).object();
  EXPECT_TRUE(old_facts.at("live").as_bool()) << "inside the window";
  EXPECT_FALSE(old_facts.at("newest").as_bool());
  EXPECT_TRUE(steer("inspect", {{"token", next}}).object().at("newest").as_bool());
  EXPECT_EQ(steer("inspect", {{"token", "nonsense"}}).text("kind"), "unknown");
}

}  // namespace
}  // namespace keyfob::sim
