// Connect, management and v3: the calls that an application makes for itself.
#include "web/sim_test.hpp"

namespace keyfob::sim {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ApplicationRoutes : public SimTest {
 protected:
  static constexpr auto kAuthorize =
      "/oauth/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&state=s";
  static std::vector<http::Header> browser() { return {{"accept", "text/html,*/*"}}; }
  static std::vector<http::Header> basic(const std::string& pair) {
    return {{"authorization", "Basic " + to_base64(as_bytes(pair))}};
  }
  std::string app_token() {
    const std::string form = "grant_type=client_credentials&client_id=client_1&client_secret=s";
    return call({"POST", "/oauth2/token", {{"content-type", "application/x-www-form-urlencoded"}}, form})
        .text("access_token");
  }
  static std::vector<http::Header> speaking_for(const std::string& token, const std::string& user) {
    auto headers = bearer(token);
    headers.push_back({"sc-user-id", user});
    return headers;
  }
};

TEST_F(ApplicationRoutes, a_script_passes_connect_at_once_and_its_code_works) {
  const Answer answer = get(kAuthorize);
  EXPECT_EQ(answer.status, 302);
  const std::string location = answer.header("location");
  EXPECT_THAT(location, StartsWith("http://localhost/cb?code="));
  const std::string code = location.substr(location.find("code=") + 5, 36);
  const std::string form = "grant_type=authorization_code&redirect_uri=http%3A%2F%2Flocalhost%2Fcb&code=" + code;
  const std::string token = call(token_request(form)).text("access_token");
  EXPECT_EQ(get("/v2.0/vehicles", bearer(token)).status, 200);
}

TEST_F(ApplicationRoutes, a_person_sees_a_page_and_posts_a_decision) {
  const Answer page = get(kAuthorize, browser());
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("value=allow"));
  EXPECT_THAT(call({"POST", kAuthorize, browser(), "decision=deny"}).header("location"),
              HasSubstr("error=access_denied"));
  EXPECT_THAT(call({"POST", kAuthorize, browser(), "decision=allow"}).header("location"), HasSubstr("?code="));
  EXPECT_THAT(call({"POST", kAuthorize, browser(), "decision=allow&email=new%40example.com"}).header("location"),
              HasSubstr("?code="));
}

TEST_F(ApplicationRoutes, the_page_escapes_what_it_was_sent) {
  const Answer page = get(std::string(kAuthorize) + "&scope=read_vin&client_id=x'><script>", browser());
  EXPECT_THAT(page.body, Not(HasSubstr("<script>")));
}

TEST_F(ApplicationRoutes, a_preset_decides_even_for_browsers) {
  steer("users", {{"email", "ann@example.com"}});
  steer("consent", {{"user", "ann@example.com"}, {"auto", true}});
  EXPECT_THAT(get(kAuthorize, browser()).header("location"), HasSubstr("?code="));
  steer("consent", {{"error", "no_vehicles"}});
  EXPECT_THAT(get(kAuthorize).header("location"), HasSubstr("error=no_vehicles"));
  EXPECT_THAT(get(std::string(kAuthorize) + "&auto=allow").header("location"), HasSubstr("?code="));
  EXPECT_THAT(get(std::string(kAuthorize) + "&auto=deny").header("location"), HasSubstr("error=access_denied"));
}

TEST_F(ApplicationRoutes, an_unknown_client_sees_a_400_and_is_sent_nowhere) {
  steer("clients", {{"client_id", "registered"}, {"client_secret", "s"}});
  const Answer answer = get(kAuthorize);
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("Invalid parameter client_id: app"));
}

TEST_F(ApplicationRoutes, management_lists_newest_first_and_pages_by_cursor) {
  for (int i = 0; i < 3; ++i) steer("issue");
  const auto amt = basic("default:amt");
  const Answer first = get("/v2.0/management/connections/?limit=2", amt);
  ASSERT_EQ(first.object().at("connections").as_array().size(), 2U);
  const std::string cursor = *text_of(first.object().at("paging").as_object(), "cursor");
  const Answer second = get("/v2.0/management/connections?limit=2&cursor=" + cursor, amt);
  EXPECT_EQ(second.object().at("connections").as_array().size(), 1U);
  EXPECT_TRUE(second.object().at("paging").at("cursor").is_null());
  EXPECT_EQ(get("/v2.0/management/connections").status, 401);
}

TEST_F(ApplicationRoutes, management_deletes_at_once) {
  const Answer pair = steer("issue");
  const std::string user = pair.text("user_id");
  const Answer gone = call({"DELETE", "/v2.0/management/connections?user_id=" + user, basic("default:amt"), ""});
  EXPECT_THAT(gone.body, HasSubstr(user));
  const std::string vehicle = texts_of(pair.object(), "vehicles").at(0);
  EXPECT_EQ(get("/v2.0/vehicles/" + vehicle, bearer(pair.text("access_token"))).status, 403);
  EXPECT_EQ(refresh(pair.text("refresh_token")).status, 400);
  EXPECT_EQ(call({"DELETE", "/v2.0/management/connections", basic("default:amt"), ""}).status, 400);
}

TEST_F(ApplicationRoutes, a_registered_management_token_is_the_only_one) {
  steer("clients", {{"client_id", "app"}, {"client_secret", "s"}, {"management_token", "amt"}});
  EXPECT_EQ(get("/v2.0/management/connections", basic("default:amt")).status, 200);
  EXPECT_EQ(get("/v2.0/management/connections", basic("default:other")).status, 401);
}

TEST_F(ApplicationRoutes, one_v3_token_reaches_every_user_by_header) {
  steer("settings", {{"unsubscribed_signals", "served"}});
  const Answer pair = steer("issue");
  const std::string user = pair.text("user_id");
  const std::string vehicle = "/v3/vehicles/" + texts_of(pair.object(), "vehicles").at(0);
  const std::string token = app_token();
  EXPECT_EQ(get(vehicle + "/signals", bearer(token)).status, 400) << "sc-user-id is required";
  EXPECT_EQ(get(vehicle + "/signals", speaking_for(token, user)).status, 200);
  EXPECT_EQ(get(vehicle + "/signals", speaking_for(token, "somebody")).status, 404);
  EXPECT_EQ(get(vehicle + "/signals/odometer-traveleddistance", speaking_for(token, user)).status, 200);
  EXPECT_THAT(get(vehicle + "/", bearer(token)).body, StartsWith(R"({"data":{)"));
  EXPECT_EQ(get(vehicle + "/signals", bearer(pair.text("access_token"))).status, 200) << "as the SDKs of 2025 do";
}

TEST_F(ApplicationRoutes, v3_errors_carry_their_status_as_a_string) {
  const Answer answer = get("/v3/connections");
  EXPECT_EQ(answer.status, 401);
  EXPECT_THAT(answer.body, HasSubstr(R"({"errors":[{"status":"401","type":"AUTHENTICATION","code":"UNAUTHORIZED")"));
  advance(seconds(0));
  const std::string token = app_token();
  advance(seconds(3600));
  EXPECT_EQ(get("/v3/connections", bearer(token)).status, 401);
}

TEST_F(ApplicationRoutes, v3_connections_are_listed_shown_and_removed) {
  const Answer pair = steer("issue");
  const std::string token = app_token();
  const Answer list = get("/v3/connections?filter%5BuserId%5D=" + pair.text("user_id"), bearer(token));
  const json::object one = list.object().at("data").as_array().at(0).as_object();
  const std::string path = "/v3/connections/" + *text_of(one, "id");
  EXPECT_EQ(get(path, bearer(token)).status, 200);
  EXPECT_EQ(call({"DELETE", path, bearer(token), ""}).status, 204);
  EXPECT_EQ(get(path, bearer(token)).status, 404);
  EXPECT_EQ(refresh(pair.text("refresh_token")).status, 400);
}

TEST_F(ApplicationRoutes, a_v3_command_says_what_it_did) {
  const Answer pair = steer("issue");
  const std::string vehicle = "/v3/vehicles/" + texts_of(pair.object(), "vehicles").at(0);
  const auto headers = speaking_for(app_token(), pair.text("user_id"));
  const Answer done =
      call({"POST", vehicle + "/commands/charge/set-limit", headers, R"({"data":{"attributes":{"percent":80}}})"});
  EXPECT_THAT(done.body, HasSubstr(R"("commandType":"charge/set-limit","status":{"value":"SUCCESS"})"));
  EXPECT_EQ(call({"POST", vehicle + "/commands/charge/set-limit", headers, "{}"}).status, 400);
  EXPECT_EQ(call({"POST", vehicle + "/commands/fly", headers, "{}"}).status, 404);
}

class RateLimited : public SimTest {
 protected:
  static SimOptions two_calls() {
    SimOptions options = manual_time();
    options.rate_limit = 2;
    return options;
  }
  RateLimited() : SimTest(two_calls()) {}
};

TEST_F(RateLimited, calls_are_429_until_the_bucket_refills) {
  const auto headers = bearer(steer("issue").text("access_token"));
  EXPECT_EQ(get("/v2.0/user", headers).status, 200);
  EXPECT_EQ(get("/v2.0/user", headers).status, 200);
  EXPECT_EQ(get("/v2.0/user", headers).text("code"), "SMARTCAR_API");
  advance(seconds(30));
  EXPECT_EQ(get("/v2.0/user", headers).status, 200);
}

TEST_F(ApplicationRoutes, the_watch_page_is_one_document_and_other_sites_may_not_steer) {
  const Answer page = get("/_sim/ui");
  EXPECT_THAT(page.header("content-type"), StartsWith("text/html"));
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(page.body, Not(HasSubstr("innerHTML")));
  EXPECT_THAT(page.body, Not(HasSubstr("://")));
  EXPECT_EQ(call({"POST", "/_sim/reset", {{"origin", "https://evil.example"}}, "{}"}).status, 403);
  EXPECT_EQ(call({"POST", "/_sim/reset", {{"origin", "http://sim"}}, "{}"}).status, 200);
}

}  // namespace
}  // namespace keyfob::sim
