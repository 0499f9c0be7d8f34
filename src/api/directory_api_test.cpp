// Applications, callers and consent through the API, over the real engine.
#include <gtest/gtest.h>

#include "api/access_facts.hpp"
#include "core/api_key.hpp"
#include "testing/api_world.hpp"

namespace keyfob::api {
namespace {

using namespace keyfob::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class DirectoryApi : public ::testing::Test {
 protected:
  http::Response patch(std::string target, std::string body, std::string as = "root") {
    return world_.send({.method = "PATCH", .target = std::move(target), .body = std::move(body), .as = std::move(as)});
  }
  /// An admin of the application `fleet` only.
  void add_boss() { world_.gate.add(world_.caller("boss", permissions_of({Permission::admin}))); }

  std::vector<std::string> names_in(const http::Response& response, std::string_view list) {
    std::vector<std::string> names;
    const boost::json::object body = json_of(response);
    for (const auto& item : body.at(boost::json::string_view(list)).as_array())
      names.emplace_back(item.at("name").as_string());
    return names;
  }

  ApiWorld world_;
};

const std::string kNewApp =
    R"({"name":"second","client_id":"c2","client_secret":"planted-client-secret","management_token":"planted-amt",
        "v3_client_id":"v3","v3_client_secret":"planted-v3-secret","redirect_uri":"https://k.example/connect/callback",
        "scopes":["read_odometer"],"mode":"simulated","return_to":["https://app.example/done"]})";

// --- applications

TEST_F(DirectoryApi, an_application_is_added_shown_and_never_shows_its_secrets) {
  const http::Response added = world_.post("/v1/apps", kNewApp, "root");
  ASSERT_THAT(added, has_status(201));
  EXPECT_THAT(added.body, Not(HasSubstr("planted")));
  const http::Response shown = world_.get("/v1/apps/second", "root");
  ASSERT_THAT(shown, has_status(200));
  EXPECT_EQ(shown.body, added.body);
  const auto app = json_of(shown);
  EXPECT_EQ(app.at("provider").as_string(), "smartcar");
  EXPECT_EQ(app.at("mode").as_string(), "simulated");
  EXPECT_EQ(app.at("secrets"), (boost::json::array{"client_secret", "management_token", "v3_client_secret"}));
  EXPECT_EQ(names_in(world_.get("/v1/apps", "root"), "apps"), (std::vector<std::string>{"fleet", "second"}));
  EXPECT_EQ(world_.access_changes, 1);
}

TEST_F(DirectoryApi, a_change_touches_only_what_it_names_and_keeps_the_old_secret_for_a_while) {
  world_.post("/v1/apps", kNewApp, "root");
  const http::Response changed = patch("/v1/apps/second", R"({"client_secret":"planted-next","mode":"live"})");
  ASSERT_THAT(changed, has_status(200));
  const auto app = json_of(changed);
  EXPECT_EQ(app.at("mode").as_string(), "live");
  EXPECT_EQ(app.at("client_id").as_string(), "c2");
  EXPECT_THAT(changed.body, AllOf(HasSubstr("previous_client_secret"), Not(HasSubstr("planted"))));
}

TEST_F(DirectoryApi, a_wrong_application_is_refused_with_the_field) {
  EXPECT_THAT(world_.post("/v1/apps", kNewApp, "root"), has_status(201));
  EXPECT_THAT(world_.post("/v1/apps", kNewApp, "root"), is_problem(409, "conflict"));
  EXPECT_THAT(world_.post("/v1/apps", R"({"name":"x","client_id":"c"})", "root"), is_problem(400, "bad_request"));
  EXPECT_THAT(patch("/v1/apps/second", R"({"mode":"test"})"), is_problem(400, "bad_request"));
  EXPECT_THAT(patch("/v1/apps/second", R"({"name":"x"})"), is_problem(400, "bad_request"));
  EXPECT_THAT(patch("/v1/apps/none", "{}"), is_problem(404, "unknown_app"));
}

TEST_F(DirectoryApi, a_removed_application_is_gone) {
  world_.post("/v1/apps", kNewApp, "root");
  EXPECT_THAT(world_.del("/v1/apps/second", "root"), has_status(204));
  EXPECT_THAT(world_.get("/v1/apps/second", "root"), is_problem(404, "unknown_app"));
  EXPECT_EQ(world_.access_changes, 2);
}

TEST_F(DirectoryApi, an_applications_admin_has_that_application_and_no_other) {
  world_.post("/v1/apps", kNewApp, "root");
  add_boss();
  EXPECT_EQ(names_in(world_.get("/v1/apps", "boss"), "apps"), std::vector<std::string>{"fleet"});
  EXPECT_THAT(world_.get("/v1/apps/second", "boss"), is_problem(403, "forbidden"));
  EXPECT_THAT(patch("/v1/apps/second", R"({"mode":"live"})", "boss"), is_problem(403, "forbidden"));
  EXPECT_THAT(patch("/v1/apps/fleet", R"({"mode":"simulated"})", "boss"), has_status(200));
}

// --- callers

constexpr auto kNewCaller = R"({"name":"billing","app":"fleet","permissions":["token:read"],"users":["ada"]})";

TEST_F(DirectoryApi, a_caller_is_added_with_a_key_that_is_shown_once) {
  const http::Response added = world_.post("/v1/callers", kNewCaller, "root");
  ASSERT_THAT(added, has_status(201));
  const std::string key = text_in(added, "api_key");
  const auto parts = parse_api_key(key);
  ASSERT_TRUE(parts) << key;
  EXPECT_EQ(parts->id, text_in(added, "id"));
  EXPECT_EQ(header_of(added, "Cache-Control"), "no-store");
  const http::Response shown = world_.get("/v1/callers/billing", "root");
  ASSERT_THAT(shown, has_status(200));
  EXPECT_THAT(shown.body, AllOf(Not(HasSubstr("api_key")), Not(HasSubstr(std::string(parts->secret)))));
  const auto caller = json_of(shown);
  EXPECT_EQ(caller.at("app").as_string(), "fleet");
  EXPECT_EQ(caller.at("permissions"), boost::json::array{"token:read"});
  EXPECT_EQ(caller.at("users"), boost::json::array{"ada"});
  EXPECT_TRUE(caller.at("expires_at").is_null());
  EXPECT_FALSE(caller.at("disabled").as_bool());
  EXPECT_EQ(world_.access_changes, 1);
}

TEST_F(DirectoryApi, a_repeated_creation_of_a_caller_gives_the_same_key) {
  const Ask ask{.method = "POST",
                .target = "/v1/callers",
                .body = kNewCaller,
                .as = "root",
                .headers = {{"Idempotency-Key", "k"}}};
  const std::string key = text_in(world_.send(ask), "api_key");
  EXPECT_FALSE(key.empty());
  EXPECT_EQ(text_in(world_.send(ask), "api_key"), key);
  EXPECT_EQ(names_in(world_.get("/v1/callers", "root"), "callers").size(), 1U);
}

TEST_F(DirectoryApi, a_caller_is_rotated_and_disabled) {
  const std::string key = text_in(world_.post("/v1/callers", kNewCaller, "root"), "api_key");
  const http::Response rotated = world_.post("/v1/callers/billing/rotate", R"({"overlap":60})", "root");
  ASSERT_THAT(rotated, has_status(200));
  EXPECT_NE(text_in(rotated, "api_key"), key);
  EXPECT_THAT(text_in(rotated, "api_key"), StartsWith("kf_" + text_in(rotated, "id") + "_"));
  const AccessFacts facts = access_facts(*world_.engine->directory().snapshot());
  ASSERT_EQ(facts.callers.size(), 1U);
  EXPECT_EQ(facts.callers[0].previous_until, world_.clock.wall() + seconds(60));
  const http::Response disabled = world_.post("/v1/callers/billing/disable", "", "root");
  ASSERT_THAT(disabled, has_status(200));
  EXPECT_TRUE(json_of(disabled).at("disabled").as_bool());
  EXPECT_EQ(world_.access_changes, 3);
}

TEST_F(DirectoryApi, a_rotation_that_does_not_say_keeps_the_old_key_for_a_day) {
  world_.post("/v1/callers", kNewCaller, "root");
  EXPECT_THAT(world_.post("/v1/callers/billing/rotate", "", "root"), has_status(200));
  const AccessFacts facts = access_facts(*world_.engine->directory().snapshot());
  EXPECT_EQ(facts.callers[0].previous_until, world_.clock.wall() + hours(24));
}

TEST_F(DirectoryApi, a_wrong_caller_is_refused) {
  world_.post("/v1/callers", kNewCaller, "root");
  EXPECT_THAT(world_.post("/v1/callers", kNewCaller, "root"), is_problem(409, "conflict"));
  EXPECT_THAT(world_.post("/v1/callers", R"({"name":"x","permissions":["gateway"]})", "root"),
              is_problem(400, "bad_request"));
  EXPECT_THAT(world_.post("/v1/callers", R"({"name":"x","app":"none","permissions":["gateway"]})", "root"),
              is_problem(404, "unknown_app"));
  const http::Response misspelt =
      world_.post("/v1/callers", R"({"name":"x","app":"fleet","permissions":["grant:reed"]})", "root");
  EXPECT_THAT(text_in(misspelt, "hint"), HasSubstr("grant:read"));
  for (const char* path : {"/v1/callers/none/rotate", "/v1/callers/none/disable"}) {
    EXPECT_THAT(world_.post(path, "", "root"), is_problem(404, "unknown_caller"));
  }
}

TEST_F(DirectoryApi, an_applications_admin_manages_its_callers_and_cannot_rise_above_it) {
  world_.post("/v1/apps", kNewApp, "root");
  world_.post("/v1/callers", R"({"name":"theirs","app":"second","permissions":["gateway"]})", "root");
  world_.post("/v1/callers", R"({"name":"operator","permissions":["admin"]})", "root");
  add_boss();
  const http::Response own = world_.post("/v1/callers", R"({"name":"ours","permissions":["admin"]})", "boss");
  ASSERT_THAT(own, has_status(201));
  EXPECT_EQ(text_in(own, "app"), "fleet");
  EXPECT_THAT(world_.post("/v1/callers", R"({"name":"x","app":"second","permissions":["gateway"]})", "boss"),
              is_problem(403, "forbidden"));
  EXPECT_EQ(names_in(world_.get("/v1/callers", "boss"), "callers"), std::vector<std::string>{"ours"});
  for (const char* name : {"theirs", "operator"}) {
    const std::string path = "/v1/callers/" + std::string(name);
    EXPECT_THAT(world_.get(path, "boss"), is_problem(404, "unknown_caller"));
    EXPECT_THAT(world_.post(path + "/rotate", "", "boss"), is_problem(404, "unknown_caller"));
    EXPECT_THAT(world_.post(path + "/disable", "", "boss"), is_problem(404, "unknown_caller"));
  }
  EXPECT_EQ(names_in(world_.get("/v1/callers", "root"), "callers").size(), 3U);
  EXPECT_EQ(names_in(world_.get("/v1/callers?app=second", "root"), "callers"), std::vector<std::string>{"theirs"});
}

// --- consent

class ConsentApi : public DirectoryApi {
 protected:
  ConsentApi() { world_.idp.vehicles["ada"] = {VehicleId("car-1")}; }

  std::string begin(const std::string& body = R"({"user":"u-1","return_to":"https://app.example/done"})") {
    const http::Response response = world_.post("/v1/connect", body);
    EXPECT_THAT(response, has_status(201));
    EXPECT_THAT(text_in(response, "url"), StartsWith("https://connect.example/oauth/authorize?"));
    EXPECT_GT(json_of(response).at("expires_in").as_int64(), 0);
    return text_in(response, "state");
  }
  http::Response come_back(const std::string& query) { return world_.get("/connect/callback?" + query, ""); }
};

TEST_F(ConsentApi, a_consent_makes_a_grant_and_sends_the_browser_back) {
  const std::string state = begin();
  const http::Response response = come_back("code=ada&state=" + state);
  ASSERT_THAT(response, has_status(303));
  EXPECT_THAT(header_of(response, "Location"), StartsWith("https://app.example/done?grant="));
  const http::Response token = world_.get("/v1/token?user=u-1");
  ASSERT_THAT(token, has_status(200));
  EXPECT_EQ(text_in(token, "user"), "u-1");
}

TEST_F(ConsentApi, a_bad_state_is_4xx_and_its_code_is_not_exchanged) {
  const std::string state = begin();
  for (const std::string& query : {std::string("code=ada&state=forged"), std::string("code=ada"), "state=" + state,
                                   "code=ada&state=" + state + "&state=" + state, "code=ada&state=" + state + "x"}) {
    const http::Response response = come_back(query);
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_FALSE(header_of(response, "Keyfob-Error").empty());
  }
  EXPECT_EQ(world_.idp.exchanges(), 0);
  EXPECT_THAT(come_back("code=ada&state=" + state), has_status(303)) << "the state is still good";
}

TEST_F(ConsentApi, a_state_is_good_for_one_use) {
  const std::string state = begin();
  come_back("code=ada&state=" + state);
  const int exchanges = world_.idp.exchanges();
  const http::Response again = come_back("code=ada&state=" + state);
  EXPECT_THAT(again, has_status(400));
  EXPECT_EQ(header_of(again, "Keyfob-Error"), "unknown_state");
  EXPECT_EQ(world_.idp.exchanges(), exchanges);
}

TEST_F(ConsentApi, an_owner_who_refuses_is_sent_back_with_the_error) {
  const std::string state = begin();
  const http::Response response = come_back("error=access_denied&error_description=no&state=" + state);
  ASSERT_THAT(response, has_status(303));
  EXPECT_EQ(header_of(response, "Location"), "https://app.example/done?error=access_denied");
}

TEST_F(ConsentApi, without_a_place_to_go_back_to_a_page_is_shown) {
  const http::Response done = come_back("code=ada&state=" + begin(R"({"user":"u-1"})"));
  ASSERT_THAT(done, has_status(200));
  EXPECT_THAT(header_of(done, "Content-Type"), StartsWith("text/html"));
  const http::Response refused = come_back("error=%3Cscript%3E&state=" + begin(R"({"user":"u-1"})"));
  EXPECT_GE(refused.status, 400);
  EXPECT_THAT(refused.body, Not(HasSubstr("<script>")));
}

TEST_F(ConsentApi, a_consent_that_cannot_begin_is_refused) {
  EXPECT_THAT(world_.post("/v1/connect", R"({"user":"u","return_to":"https://evil.example/"})"),
              is_problem(400, "bad_request"));
  EXPECT_THAT(world_.post("/v1/connect", R"({"return_to":"https://app.example/done"})"),
              is_problem(400, "bad_request"));
  EXPECT_THAT(world_.post("/v1/connect", R"({"user":"u","single_select_vin":"X"})"), is_problem(400, "bad_request"));
}

}  // namespace
}  // namespace keyfob::api
