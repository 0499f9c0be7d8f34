// Tokens and grants through the API, over the real engine.
#include <gtest/gtest.h>

#include "testing/api_world.hpp"

namespace keyfob::api {
namespace {

using namespace keyfob::testing;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kGrantFields = {
    "id",        "app",        "user",  "provider_user",     "vehicles",           "scope",      "status",
    "attention", "generation", "epoch", "access_expires_at", "refresh_expires_at", "created_at", "updated_at"};

class GrantsApi : public ::testing::Test {
 protected:
  /// A caller that is kept to some users.
  void keep_to(std::string name, std::unordered_set<std::string> users) {
    using enum Permission;
    Admission kept =
        world_.caller(std::move(name), permissions_of({token_read, grant_read, grant_write, grant_revoke}));
    kept.users = std::move(users);
    world_.gate.add(std::move(kept));
  }

  std::string grant_body(const std::string& user, const std::string& vehicle) {
    const TokenPair pair = world_.idp.issue(user);
    return boost::json::serialize(boost::json::object{{"user", user},
                                                      {"vehicles", boost::json::array{vehicle}},
                                                      {"access_token", reveal_secret(pair.access)},
                                                      {"refresh_token", reveal_secret(pair.refresh)},
                                                      {"expires_in", 7200}});
  }

  std::vector<std::string> ids_in(const http::Response& page) {
    std::vector<std::string> ids;
    const boost::json::object body = json_of(page);
    for (const auto& grant : body.at("grants").as_array()) ids.emplace_back(grant.at("user").as_string());
    return ids;
  }

  ApiWorld world_;
};

// --- GET /v1/token

TEST_F(GrantsApi, a_token_is_found_by_vehicle_by_user_and_by_both) {
  const Grant grant = world_.import("ada", "car-1");
  for (const char* query : {"vehicle=car-1", "user=ada", "user=ada&vehicle=car-1"}) {
    const http::Response response = world_.get("/v1/token?" + std::string(query));
    ASSERT_THAT(response, has_status(200)) << query;
    EXPECT_FALSE(text_in(response, "access_token").empty());
    EXPECT_EQ(text_in(response, "token_type"), "Bearer");
    EXPECT_EQ(text_in(response, "grant"), grant.id.str());
    EXPECT_EQ(text_in(response, "user"), "ada");
    EXPECT_EQ(header_of(response, "Cache-Control"), "no-store");
    EXPECT_EQ(json_of(response).at("expires_in").as_int64(), 7200);
  }
}

TEST_F(GrantsApi, an_expired_token_is_refreshed_before_it_is_handed_out) {
  world_.import("ada", "car-1", hours(1));
  const std::string before = text_in(world_.get("/v1/token?user=ada"), "access_token");
  EXPECT_EQ(world_.idp.rotations(), 0);
  world_.pass(minutes(61));
  const http::Response after = world_.get("/v1/token?user=ada");
  ASSERT_THAT(after, has_status(200));
  EXPECT_NE(text_in(after, "access_token"), before);
  EXPECT_GT(json_of(after).at("expires_in").as_int64(), 7000);
}

TEST_F(GrantsApi, a_token_needs_a_user_or_a_vehicle_that_has_a_grant) {
  EXPECT_THAT(world_.get("/v1/token"), is_problem(400, "user_required"));
  EXPECT_THAT(world_.get("/v1/token?vehicle="), is_problem(400, "user_required"));
  EXPECT_THAT(world_.get("/v1/token?vehicle=none"), is_problem(404, "unknown_grant"));
}

TEST_F(GrantsApi, a_vehicle_of_two_users_needs_the_user_too) {
  world_.import("ada", "car-1");
  world_.import("bob", "car-1");
  EXPECT_THAT(world_.get("/v1/token?vehicle=car-1"), is_problem(409, "ambiguous_grant"));
  EXPECT_EQ(text_in(world_.get("/v1/token?vehicle=car-1&user=bob"), "user"), "bob");
}

TEST_F(GrantsApi, a_revoked_grant_is_424_with_user_and_vehicles) {
  const Grant grant = world_.import("ada", "car-1");
  ASSERT_THAT(world_.del("/v1/grants/" + grant.id.str()), has_status(204));
  const http::Response response = world_.get("/v1/token?user=ada");
  EXPECT_THAT(response, is_problem(424, "revoked"));
  EXPECT_EQ(text_in(response, "user"), "ada");
  EXPECT_EQ(json_of(response).at("vehicles").as_array().size(), 1U);
}

TEST_F(GrantsApi, a_refused_client_secret_is_503_application_suspended) {
  world_.import("ada", "car-1", seconds(10));
  world_.pass(seconds(20));
  world_.idp.always = Fault::wrong_client;
  const http::Response response = world_.get("/v1/token?user=ada");
  EXPECT_THAT(response, is_problem(503, "application_suspended"));
  EXPECT_FALSE(header_of(response, "Retry-After").empty());
}

// --- who may see which user

TEST_F(GrantsApi, a_caller_kept_to_users_gets_no_token_of_others) {
  world_.import("ada", "car-1");
  world_.import("bob", "car-2");
  keep_to("for-ada", {"ada"});
  EXPECT_THAT(world_.get("/v1/token?user=ada", "for-ada"), has_status(200));
  EXPECT_THAT(world_.get("/v1/token?vehicle=car-1", "for-ada"), has_status(200));
  for (const char* query : {"user=bob", "vehicle=car-2", "user=bob&vehicle=car-2"}) {
    const http::Response response = world_.get("/v1/token?" + std::string(query), "for-ada");
    EXPECT_THAT(response, is_problem(403, "forbidden")) << query;
    EXPECT_THAT(response.body, Not(HasSubstr("bob")));
  }
}

TEST_F(GrantsApi, a_failure_about_somebody_else_says_nothing_about_him) {
  const Grant grant = world_.import("bob", "car-2");
  world_.del("/v1/grants/" + grant.id.str());
  keep_to("for-ada", {"ada"});
  const http::Response response = world_.get("/v1/token?vehicle=car-2", "for-ada");
  EXPECT_THAT(response, is_problem(403, "forbidden"));
  EXPECT_THAT(response.body, Not(HasSubstr("bob")));
}

TEST_F(GrantsApi, a_caller_kept_to_users_can_do_nothing_with_grants_of_others) {
  const std::string bobs = "/v1/grants/" + world_.import("bob", "car-2").id.str();
  keep_to("for-ada", {"ada"});
  EXPECT_THAT(world_.get(bobs, "for-ada"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.post(bobs + "/refresh", "", "for-ada"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.del(bobs, "for-ada"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.del(bobs + "/record", "for-ada"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.get("/v1/grants?user=bob", "for-ada"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.post("/v1/grants", grant_body("bob", "car-3"), "for-ada"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.post("/v1/connect", R"({"user":"bob"})", "for-ada"), is_problem(403, "forbidden"));
  EXPECT_EQ(world_.idp.rotations(), 0);
  EXPECT_THAT(world_.get(bobs), has_status(200));
}

TEST_F(GrantsApi, a_list_for_a_caller_kept_to_users_is_theirs_alone_page_by_page) {
  for (const char* user : {"ada", "bob", "cyd", "dan"}) {
    for (const char* car : {"1", "2", "3"}) {
      const std::string body = grant_body(user, std::string(user) + car);
      world_.post("/v1/grants",
                  body.substr(0, body.size() - 1) + R"(,"single_select":true,"provider_user":")" + user + R"("})");
    }
  }
  keep_to("two", {"cyd", "ada"});
  for (const char* limit : {"1", "2", "3", "4", "5", "6", "100"}) {
    std::vector<std::string> all;
    std::string cursor;
    int pages = 0;
    do {
      const auto page = world_.get("/v1/grants?limit=" + std::string(limit) + "&cursor=" + cursor, "two");
      ASSERT_THAT(page, has_status(200));
      for (std::string& user : ids_in(page)) all.push_back(std::move(user));
      cursor = http::encode_component(text_in(page, "next_cursor"));
    } while (!cursor.empty() && ++pages < 20);
    EXPECT_EQ(all, (std::vector<std::string>{"ada", "ada", "ada", "cyd", "cyd", "cyd"})) << "limit " << limit;
  }
}

TEST_F(GrantsApi, a_cursor_cannot_be_used_to_see_others) {
  world_.import("bob", "car-2");
  keep_to("two", {"cyd", "ada"});
  const http::Response response = world_.get("/v1/grants?cursor=" + to_hex(as_bytes("bob")) + ".", "two");
  ASSERT_THAT(response, has_status(200));
  EXPECT_TRUE(ids_in(response).empty());
  EXPECT_THAT(world_.get("/v1/grants?cursor=nonsense", "two"), is_problem(400, "bad_request"));
}

// --- applications

TEST_F(GrantsApi, an_admin_names_the_application_and_a_caller_need_not) {
  world_.import("ada", "car-1");
  EXPECT_THAT(world_.get("/v1/token?user=ada", "root"), is_problem(400, "bad_request"));
  EXPECT_THAT(world_.get("/v1/token?user=ada&app=fleet", "root"), has_status(200));
  EXPECT_THAT(world_.get("/v1/token?user=ada&app=none", "root"), is_problem(404, "unknown_app"));
  EXPECT_THAT(world_.get("/v1/token?user=ada&app=fleet"), has_status(200));
}

TEST_F(GrantsApi, a_caller_never_reaches_another_application) {
  const Grant grant = world_.import("ada", "car-1");
  const AppId fleet = world_.app;
  world_.add_app("other");
  world_.gate.add(world_.caller("stranger", permissions_of({Permission::token_read, Permission::grant_read,
                                                            Permission::grant_write, Permission::grant_revoke})));
  EXPECT_THAT(world_.get("/v1/token?user=ada", "stranger"), is_problem(404, "unknown_grant"));
  EXPECT_THAT(world_.get("/v1/token?user=ada&app=fleet", "stranger"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.get("/v1/token?user=ada&app=" + fleet.str(), "stranger"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.get("/v1/grants/" + grant.id.str(), "stranger"), is_problem(404, "unknown_grant"));
  EXPECT_THAT(world_.del("/v1/grants/" + grant.id.str(), "stranger"), is_problem(404, "unknown_grant"));
  EXPECT_THAT(world_.get("/v1/grants?app=fleet", "stranger"), is_problem(403, "forbidden"));
  EXPECT_TRUE(ids_in(world_.get("/v1/grants", "stranger")).empty());
}

TEST_F(GrantsApi, an_admin_finds_a_grant_by_its_id_alone_and_lists_all_applications) {
  const Grant grant = world_.import("ada", "car-1");
  world_.add_app("another");
  world_.import("bob", "car-1");
  EXPECT_EQ(text_in(world_.get("/v1/grants/" + grant.id.str(), "root"), "app"), "fleet");
  EXPECT_EQ(ids_in(world_.get("/v1/grants", "root")).size(), 2U);
  EXPECT_EQ(ids_in(world_.get("/v1/grants?app=another", "root")).size(), 1U);
  EXPECT_THAT(world_.get("/v1/grants/none", "root"), is_problem(404, "unknown_grant"));
}

TEST_F(GrantsApi, an_outlook_says_what_comes_next_and_that_nothing_went_wrong_yet) {
  const Grant grant = world_.import("ada", "car-1");
  const http::Response response = world_.get("/v1/grants/" + grant.id.str() + "/outlook");
  ASSERT_THAT(response, has_status(200));
  const auto outlook = json_of(response);
  EXPECT_EQ(outlook.at("status").as_string(), "active");
  EXPECT_EQ(outlook.at("due_at").as_string(), to_rfc3339(grant.due_at));
  EXPECT_EQ(outlook.at("renew_by").as_string(), to_rfc3339(grant.renew_by));
  for (const char* none : {"rotated_at", "refusals", "attempt"}) EXPECT_TRUE(outlook.at(none).is_null()) << none;
}

TEST_F(GrantsApi, an_outlook_is_only_for_those_who_may_see_the_grant) {
  const Grant grant = world_.import("ada", "car-1");
  keep_to("bobs", {"bob"});
  EXPECT_THAT(world_.get("/v1/grants/" + grant.id.str() + "/outlook", "bobs"), is_problem(403, "forbidden"));
  EXPECT_THAT(world_.get("/v1/grants/none/outlook"), is_problem(404, "unknown_grant"));
}

// --- /v1/grants

TEST_F(GrantsApi, an_import_answers_with_the_grant_and_never_with_its_tokens) {
  const std::string body = grant_body("ada", "car-1");
  const http::Response response = world_.post("/v1/grants", body);
  ASSERT_THAT(response, has_status(201));
  const auto grant = json_of(response);
  EXPECT_EQ(grant.size(), std::size(kGrantFields));
  for (const char* field : kGrantFields) EXPECT_TRUE(grant.contains(field)) << field;
  EXPECT_EQ(grant.at("app").as_string(), "fleet");
  EXPECT_EQ(grant.at("status").as_string(), "active");
  EXPECT_TRUE(grant.at("attention").is_null());
  EXPECT_EQ(header_of(response, "Location"), "/v1/grants/" + text_in(response, "id"));
  const auto sent = boost::json::parse(body).as_object();
  for (const char* token : {"access_token", "refresh_token"}) {
    EXPECT_THAT(response.body, Not(HasSubstr(std::string(sent.at(token).as_string()))));
  }
}

TEST_F(GrantsApi, importing_the_same_user_again_replaces_the_pair_under_a_new_epoch) {
  const auto first = json_of(world_.post("/v1/grants", grant_body("ada", "car-1")));
  const auto second = json_of(world_.post("/v1/grants", grant_body("ada", "car-1")));
  EXPECT_EQ(first.at("id"), second.at("id"));
  EXPECT_EQ(second.at("epoch").as_int64(), first.at("epoch").as_int64() + 1);
}

TEST_F(GrantsApi, an_import_that_is_wrong_names_the_field) {
  const http::Response response = world_.post("/v1/grants", R"({"user":"ada","vehicels":["x"]})");
  EXPECT_THAT(response, is_problem(400, "bad_request"));
  EXPECT_THAT(text_in(response, "hint"), HasSubstr("vehicles"));
  EXPECT_THAT(world_.post("/v1/grants", grant_body(std::string(300, 'u'), "car")), is_problem(400, "bad_request"));
}

TEST_F(GrantsApi, a_list_is_filtered_and_paged) {
  for (const char* user : {"ada", "bob", "cyd"}) world_.import(user, std::string("car-") + user);
  EXPECT_EQ(ids_in(world_.get("/v1/grants?vehicle=car-bob")), std::vector<std::string>{"bob"});
  EXPECT_EQ(ids_in(world_.get("/v1/grants?user=cyd")), std::vector<std::string>{"cyd"});
  EXPECT_EQ(ids_in(world_.get("/v1/grants?status=active")).size(), 3U);
  EXPECT_TRUE(ids_in(world_.get("/v1/grants?status=revoked")).empty());
  const http::Response first = world_.get("/v1/grants?limit=2");
  EXPECT_EQ(ids_in(first).size(), 2U);
  const http::Response rest =
      world_.get("/v1/grants?limit=2&cursor=" + http::encode_component(text_in(first, "next_cursor")));
  EXPECT_EQ(ids_in(rest).size(), 1U);
  EXPECT_TRUE(json_of(rest).at("next_cursor").is_null());
}

TEST_F(GrantsApi, a_list_by_an_unknown_status_or_limit_is_refused) {
  const http::Response response = world_.get("/v1/grants?status=needs-reauth");
  EXPECT_THAT(response, is_problem(400, "bad_request"));
  EXPECT_THAT(text_in(response, "hint"), HasSubstr("needs_reauth"));
  EXPECT_THAT(world_.get("/v1/grants?limit=0"), is_problem(400, "bad_request"));
  EXPECT_THAT(world_.get("/v1/grants?limit=1001"), is_problem(400, "bad_request"));
}

TEST_F(GrantsApi, a_refresh_always_rotates) {
  const Grant grant = world_.import("ada", "car-1");
  const http::Response response = world_.post("/v1/grants/" + grant.id.str() + "/refresh", "");
  ASSERT_THAT(response, has_status(200));
  EXPECT_EQ(world_.idp.rotations(), 1);
  EXPECT_EQ(static_cast<std::uint64_t>(json_of(response).at("generation").as_int64()),
            grant.version.generation.value() + 1);
}

TEST_F(GrantsApi, a_refresh_that_is_refused_says_so) {
  const Grant grant = world_.import("ada", "car-1");
  world_.idp.always = Fault::refuse;
  EXPECT_THAT(world_.post("/v1/grants/" + grant.id.str() + "/refresh", ""), is_problem(503, "refresh_refused"));
}

TEST_F(GrantsApi, a_revoke_asks_the_provider_and_local_does_not) {
  const Grant ada = world_.import("ada", "car-1");
  const Grant bob = world_.import("bob", "car-2");
  EXPECT_THAT(world_.del("/v1/grants/" + ada.id.str()), has_status(204));
  EXPECT_EQ(world_.idp.revoked(), 1);
  EXPECT_THAT(world_.del("/v1/grants/" + bob.id.str() + "?local=true"), has_status(204));
  EXPECT_EQ(world_.idp.revoked(), 1);
  EXPECT_EQ(text_in(world_.get("/v1/grants/" + bob.id.str()), "status"), "revoked");
  EXPECT_THAT(world_.del("/v1/grants/" + bob.id.str() + "?local=yes"), is_problem(400, "bad_request"));
}

TEST_F(GrantsApi, a_revoke_that_the_provider_does_not_take_is_202_and_tokens_are_no_longer_handed_out) {
  const Grant grant = world_.import("ada", "car-1");
  world_.idp.revoke_fails = true;
  const http::Response response = world_.del("/v1/grants/" + grant.id.str());
  ASSERT_THAT(response, has_status(202));
  EXPECT_EQ(text_in(response, "status"), "revoking");
  EXPECT_THAT(world_.get("/v1/token?user=ada"), is_problem(424, "revoked"));
}

TEST_F(GrantsApi, removing_the_record_leaves_nothing) {
  const std::string path = "/v1/grants/" + world_.import("ada", "car-1").id.str();
  EXPECT_THAT(world_.del(path + "/record"), has_status(204));
  EXPECT_EQ(world_.idp.revoked(), 0);
  EXPECT_THAT(world_.get(path), is_problem(404, "unknown_grant"));
  EXPECT_THAT(world_.get("/v1/token?user=ada"), is_problem(404, "unknown_grant"));
  EXPECT_THAT(world_.del(path + "/record"), is_problem(404, "unknown_grant"));
}

// --- /v1/grants:import

TEST_F(GrantsApi, an_import_of_many_keeps_the_good_lines_and_reports_the_bad_ones_by_number) {
  world_.import("cyd", "car-3");
  const std::string lines = grant_body("ada", "car-1") + "\n\nnonsense\r\n" + grant_body("cyd", "car-3") + "\r\n" +
                            R"({"user":"dan"})" + "\n" + grant_body("bob", "car-2");
  const http::Response response = world_.post("/v1/grants:import?replace=true", lines);
  ASSERT_THAT(response, has_status(200));
  const auto report = json_of(response);
  EXPECT_EQ(report.at("imported").as_int64(), 3);
  EXPECT_EQ(report.at("replaced").as_int64(), 1);
  const auto& failed = report.at("failed").as_array();
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(failed[0].at("line").as_int64(), 3);
  EXPECT_EQ(failed[1].at("line").as_int64(), 5);
  EXPECT_THAT(std::string(failed[1].at("detail").as_string()), HasSubstr("access_token"));
  EXPECT_THAT(world_.get("/v1/token?user=bob"), has_status(200));
}

/// Nobody can tell which of two unused pairs is the newer one: the one that is here stays until somebody says
/// otherwise.
TEST_F(GrantsApi, an_import_of_many_leaves_a_grant_that_holds_another_pair_as_it_is) {
  world_.import("cyd", "car-3");
  const auto report =
      json_of(world_.post("/v1/grants:import", grant_body("cyd", "car-3") + "\n" + grant_body("ada", "car-1")));
  EXPECT_EQ(report.at("imported").as_int64(), 1);
  EXPECT_EQ(report.at("replaced").as_int64(), 0);
  const auto& failed = report.at("failed").as_array();
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].at("line").as_int64(), 1);
}

TEST_F(GrantsApi, a_dry_run_of_an_import_stores_nothing) {
  const http::Response response = world_.post("/v1/grants:import?dry_run=true", grant_body("ada", "car-1"));
  EXPECT_EQ(json_of(response).at("imported").as_int64(), 1);
  EXPECT_TRUE(ids_in(world_.get("/v1/grants")).empty());
}

TEST_F(GrantsApi, an_import_of_many_is_bounded_and_keeps_to_the_callers_users) {
  std::string lines;
  for (int i = 0; i < 30'001; ++i) lines += "{}\n";
  EXPECT_THAT(world_.post("/v1/grants:import", lines), is_problem(400, "limit_exceeded"));
  keep_to("for-ada", {"ada"});
  const auto report = json_of(
      world_.post("/v1/grants:import", grant_body("bob", "car-2") + "\n" + grant_body("ada", "car-1"), "for-ada"));
  EXPECT_EQ(report.at("imported").as_int64(), 1);
  EXPECT_EQ(report.at("failed").as_array().at(0).at("code").as_string(), "forbidden");
}

// --- Idempotency-Key

TEST_F(GrantsApi, a_create_that_is_repeated_with_its_key_is_done_once) {
  const Ask ask{.method = "POST",
                .target = "/v1/grants",
                .body = grant_body("ada", "car-1"),
                .headers = {{"Idempotency-Key", "one"}}};
  const http::Response first = world_.send(ask);
  const http::Response again = world_.send(ask);
  ASSERT_THAT(first, has_status(201));
  ASSERT_THAT(again, has_status(201));
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(header_of(first, "Idempotency-Replayed"), "");
  EXPECT_EQ(header_of(again, "Idempotency-Replayed"), "true");
  EXPECT_EQ(json_of(world_.get("/v1/grants/" + text_in(first, "id"))).at("epoch"), json_of(first).at("epoch"));
}

TEST_F(GrantsApi, a_key_belongs_to_one_request_of_one_caller) {
  Ask ask{.method = "POST",
          .target = "/v1/grants",
          .body = grant_body("ada", "car-1"),
          .headers = {{"Idempotency-Key", "one"}}};
  ASSERT_THAT(world_.send(ask), has_status(201));
  keep_to("for-ada", {"ada"});
  ask.as = "for-ada";
  EXPECT_EQ(header_of(world_.send(ask), "Idempotency-Replayed"), "");
  ask.as = "backend";
  ask.body = grant_body("bob", "car-2");
  EXPECT_THAT(world_.send(ask), is_problem(409, "conflict"));
  ask.headers = {{"Idempotency-Key", "with space"}};
  EXPECT_THAT(world_.send(ask), is_problem(400, "bad_request"));
}

TEST_F(GrantsApi, a_create_that_failed_can_be_tried_again_with_its_key) {
  Ask ask{.method = "POST", .target = "/v1/grants", .body = "{}", .headers = {{"Idempotency-Key", "one"}}};
  EXPECT_THAT(world_.send(ask), is_problem(400, "bad_request"));
  ask.body = grant_body("ada", "car-1");
  EXPECT_THAT(world_.send(ask), has_status(201));
}

}  // namespace
}  // namespace keyfob::api
