// The codecs of the API on their own: query, JSON bodies, problems, disclosure, pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>

#include "api/body_reader.hpp"
#include "api/caller_codec.hpp"
#include "api/consent_page.hpp"
#include "api/disclose.hpp"
#include "api/grant_codec.hpp"
#include "api/openapi.hpp"
#include "api/problem.hpp"
#include "api/query.hpp"

namespace keyfob::api {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime kNow = from_unix_ms(1'800'000'000'000);

boost::json::object object_of(const http::Response& response) { return boost::json::parse(response.body).as_object(); }

std::string text_of(const boost::json::object& object, std::string_view name) {
  return std::string(object.at(boost::json::string_view(name)).as_string());
}

// --- Query

TEST(ApiQuery, decodes_its_parameters) {
  const auto query = Query::parse("user=a%20b&vehicle=&limit=7");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text("user"), "a b");
  EXPECT_EQ(query->text("vehicle"), "");
  EXPECT_EQ(query->text("absent"), "");
  EXPECT_EQ(query->count("limit", 100, 1000).value(), 7U);
  EXPECT_EQ(query->count("absent", 100, 1000).value(), 100U);
}

TEST(ApiQuery, refuses_a_parameter_that_comes_twice_or_cannot_be_decoded) {
  EXPECT_FALSE(Query::parse("state=a&state=b"));
  EXPECT_FALSE(Query::parse("state=a&%73tate=b"));
  EXPECT_FALSE(Query::parse("user=%zz"));
  EXPECT_FALSE(Query::parse("user=%4"));
}

TEST(ApiQuery, names_the_parameter_that_was_meant) {
  const auto query = Query::parse("locl=true");
  ASSERT_TRUE(query);
  const auto known = query->only("app local");
  ASSERT_FALSE(known);
  EXPECT_THAT(known.error().what, HasSubstr("locl"));
  EXPECT_THAT(known.error().hint, HasSubstr("local"));
  EXPECT_TRUE(Query::parse("local=true")->only("app local"));
}

TEST(ApiQuery, takes_no_number_out_of_range_and_no_flag_but_true_and_false) {
  for (const char* bad : {"limit=0", "limit=1001", "limit=-1", "limit=1x", "limit=", "limit=99999999999999999999"}) {
    EXPECT_FALSE(Query::parse(bad)->count("limit", 100, 1000)) << bad;
  }
  EXPECT_FALSE(Query::parse("local=1")->flag("local"));
  EXPECT_TRUE(Query::parse("local=true")->flag("local").value());
  EXPECT_FALSE(Query::parse("local=false")->flag("local").value());
  EXPECT_FALSE(Query::parse("")->flag("local").value());
}

// --- BodyReader

constexpr std::array<std::string_view, 4> kFields = {"user", "vehicles", "expires_in", "access_token"};

TEST(ApiBody, reads_the_fields_that_are_there) {
  BodyReader body(R"({"user":"u","vehicles":["a","b"],"expires_in":60,"access_token":"t"})", kFields);
  EXPECT_EQ(body.text("user", Need::required), "u");
  EXPECT_THAT(body.texts("vehicles"), ElementsAre("a", "b"));
  EXPECT_EQ(body.duration("expires_in"), Milliseconds(60'000));
  EXPECT_EQ(reveal_secret(body.secret<AccessToken>("access_token")), "t");
  EXPECT_FALSE(body.error());
}

TEST(ApiBody, null_is_the_same_as_absent) {
  BodyReader body(R"({"user":null})", kFields);
  EXPECT_FALSE(body.has("user"));
  EXPECT_FALSE(body.text_if("user"));
  EXPECT_FALSE(body.error());
  EXPECT_EQ(body.text("user", Need::required), "");
  ASSERT_TRUE(body.error());
  EXPECT_THAT(body.error()->what, HasSubstr("'user' is missing"));
}

TEST(ApiBody, refuses_what_is_not_one_json_object) {
  for (const char* bad : {"", "{", "[]", "\"x\"", "{} {}", "{'user':1}", "{\"user\":1,}", "nonsense",
                          R"({"user":[[[[[[[[[]]]]]]]]]})", "{\"user\":\"\xff\"}"}) {
    EXPECT_TRUE(BodyReader(bad, kFields).error()) << bad;
  }
}

TEST(ApiBody, names_the_nearest_known_field_and_echoes_nothing) {
  const BodyReader body(R"({"acess_token":"s3cret"})", kFields);
  ASSERT_TRUE(body.error());
  EXPECT_THAT(body.error()->hint, HasSubstr("'access_token'"));
  const BodyReader swapped(R"({"s3cret-token-value":1})", kFields);
  ASSERT_TRUE(swapped.error());
  EXPECT_THAT(swapped.error()->what + swapped.error()->hint, Not(HasSubstr("s3cret")));
}

TEST(ApiBody, says_which_field_has_the_wrong_type) {
  for (const auto& [json, field] :
       std::initializer_list<std::pair<const char*, const char*>>{{R"({"user":1})", "user"},
                                                                  {R"({"vehicles":"a"})", "vehicles"},
                                                                  {R"({"vehicles":[1]})", "vehicles"},
                                                                  {R"({"expires_in":"60"})", "expires_in"},
                                                                  {R"({"expires_in":-1})", "expires_in"},
                                                                  {R"({"expires_in":1.5})", "expires_in"},
                                                                  {R"({"expires_in":99999999999})", "expires_in"}}) {
    BodyReader body(json, kFields);
    static_cast<void>(body.text("user"));
    static_cast<void>(body.texts("vehicles"));
    static_cast<void>(body.duration("expires_in"));
    ASSERT_TRUE(body.error()) << json;
    EXPECT_EQ(body.error()->code, ErrorCode::invalid_argument);
    EXPECT_THAT(body.error()->what, HasSubstr("'" + std::string(field) + "'")) << json;
  }
}

TEST(ApiBody, takes_words_as_an_array_or_as_one_text) {
  constexpr std::array<std::string_view, 1> kScope = {"scope"};
  EXPECT_THAT(BodyReader(R"({"scope":" a  b "})", kScope).words("scope"), ElementsAre("a", "b"));
  EXPECT_THAT(BodyReader(R"({"scope":["a","b"]})", kScope).words("scope"), ElementsAre("a", "b"));
}

// --- grants and callers

TEST(ApiGrantCodec, reads_a_grant) {
  const auto grant = read_new_grant(
      R"({"user":"u","vehicles":["v"],"access_token":"a","refresh_token":"r","expires_in":60,"refresh_expires_in":120,
          "scope":"x y","provider_user":"p","single_select":true})");
  ASSERT_TRUE(grant) << grant.error().detail;
  EXPECT_EQ(grant->user, UserId("u"));
  EXPECT_THAT(grant->vehicles, ElementsAre(VehicleId("v")));
  EXPECT_EQ(reveal_secret(grant->pair.access), "a");
  EXPECT_EQ(reveal_secret(grant->pair.refresh), "r");
  EXPECT_EQ(grant->expires_in, seconds(60));
  EXPECT_EQ(grant->refresh_expires_in, seconds(120));
  EXPECT_EQ(grant->scope, "x y");
  EXPECT_EQ(grant->provider_user, ProviderUserId("p"));
  EXPECT_TRUE(grant->single_select);
}

TEST(ApiGrantCodec, wants_user_both_tokens_and_expiry) {
  const boost::json::object whole = {{"user", "u"}, {"access_token", "a"}, {"refresh_token", "r"}, {"expires_in", 60}};
  ASSERT_TRUE(read_new_grant(boost::json::serialize(whole)));
  for (const char* field : {"user", "access_token", "refresh_token", "expires_in"}) {
    boost::json::object partial = whole;
    partial.erase(field);
    const auto grant = read_new_grant(boost::json::serialize(partial));
    ASSERT_FALSE(grant) << field;
    EXPECT_EQ(grant.error().code, "bad_request");
    EXPECT_THAT(grant.error().detail, HasSubstr(field));
  }
}

TEST(ApiCallerCodec, reads_a_caller_whose_expiry_counts_from_now) {
  const auto request = read_new_caller(
      R"({"name":"n","app":"fleet","permissions":["gateway","token:read"],"users":["u"],
          "routes":["GET /v2.0/vehicles/*/odometer"],"expires_in":60})",
      kNow);
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->app, "fleet");
  EXPECT_THAT(request->caller.permissions, ElementsAre(Permission::gateway, Permission::token_read));
  EXPECT_THAT(request->caller.users, ElementsAre(UserId("u")));
  EXPECT_EQ(request->caller.expires_at, kNow + seconds(60));
}

TEST(ApiCallerCodec, refuses_what_makes_no_sense) {
  for (const auto& [json, what] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"permissions":["admin"]})", "name"},
           {R"({"name":"n"})", "permissions"},
           {R"({"name":"n","permissions":[]})", "permissions"},
           {R"({"name":"n","permissions":["gatway"]})", "gatway"},
           {R"({"name":"n","permissions":["admin"],"users":["u"]})", "admin"},
           {R"({"name":"n","permissions":["gateway"],"routes":["/v2.0/x"]})", "/v2.0/x"},
           {R"({"name":"n","permissions":["gateway"],"routes":["get /v2.0/x"]})", "get /v2.0/x"},
           {R"({"name":"n","permissions":["gateway"],"routes":["GET v2.0/x"]})", "GET v2.0/x"},
           {R"({"name":"n","permissions":["gateway"],"expires_in":0})", "expires_in"}}) {
    const auto request = read_new_caller(json, kNow);
    ASSERT_FALSE(request) << json;
    EXPECT_THAT(request.error().detail, HasSubstr(what)) << json;
  }
}

// --- problems

struct TokenCase {
  TokenProblem problem;
  std::string_view code;
  int status;
};

class ApiTokenProblems : public testing::TestWithParam<TokenCase> {};

TEST_P(ApiTokenProblems, have_the_code_and_status_of_the_contract) {
  const Problem problem = problem_of(TokenFailure{.problem = GetParam().problem, .retry_after = Milliseconds(2500)});
  const http::Response response = to_response(problem);
  EXPECT_EQ(response.status, GetParam().status);
  EXPECT_EQ(http::find_header(response.headers, "Keyfob-Error"), GetParam().code);
  EXPECT_EQ(http::find_header(response.headers, "Content-Type"), "application/problem+json");
  EXPECT_EQ(http::find_header(response.headers, "Retry-After").has_value(), GetParam().status == 503);
  if (GetParam().status == 503) {
    EXPECT_EQ(http::find_header(response.headers, "Retry-After"), "3");
  }
  const auto body = object_of(response);
  EXPECT_EQ(text_of(body, "code"), GetParam().code);
  EXPECT_EQ(body.at("status").as_int64(), GetParam().status);
  for (const char* member : {"type", "title", "detail", "hint"}) EXPECT_FALSE(text_of(body, member).empty()) << member;
}

INSTANTIATE_TEST_SUITE_P(All, ApiTokenProblems,
                         testing::Values(TokenCase{TokenProblem::unknown_grant, "unknown_grant", 404},
                                         TokenCase{TokenProblem::ambiguous_grant, "ambiguous_grant", 409},
                                         TokenCase{TokenProblem::needs_reauth, "needs_reauth", 424},
                                         TokenCase{TokenProblem::revoked, "revoked", 424},
                                         TokenCase{TokenProblem::refresh_refused, "refresh_refused", 503},
                                         TokenCase{TokenProblem::provider_unavailable, "provider_unavailable", 503},
                                         TokenCase{TokenProblem::application_suspended, "application_suspended", 503},
                                         TokenCase{TokenProblem::record_damaged, "record_damaged", 500},
                                         TokenCase{TokenProblem::store_unavailable, "store_unavailable", 503}));

TEST(ApiProblem, of_a_grant_names_user_and_vehicles) {
  TokenFailure failure{.problem = TokenProblem::needs_reauth};
  failure.ref = {AppId("a"), GrantId("g1")};
  failure.user = UserId("u\"1");
  failure.vehicles = {VehicleId("v1"), VehicleId("v2")};
  const auto body = object_of(to_response(problem_of(failure)));
  EXPECT_EQ(text_of(body, "grant"), "g1");
  EXPECT_EQ(text_of(body, "user"), "u\"1");
  EXPECT_EQ(body.at("vehicles").as_array().size(), 2U);
}

TEST(ApiProblem, of_every_error_code_is_an_error_status) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    const Problem problem = problem_of(Error{static_cast<ErrorCode>(code), "what", "hint", {}});
    EXPECT_GE(problem.status, 400) << code;
    EXPECT_EQ(problem.detail, "what");
    if (problem.status == 503) {
      EXPECT_GT(problem.retry_after.count(), 0);
    }
  }
  EXPECT_EQ(problem_of(Error{ErrorCode::not_found, "x"}, "unknown_caller").code, "unknown_caller");
}

TEST(ApiProblem, that_nobody_knows_is_our_fault) { EXPECT_EQ(problem("no_such_code", "x").status, 500); }

// --- disclosure

TEST(ApiDisclosure, of_a_token_has_exactly_the_fields_of_the_contract) {
  GrantToken token;
  token.ref = {AppId("a"), GrantId("g")};
  token.user = UserId("u\n\"\\1");
  token.vehicles = {VehicleId("v1"), VehicleId("v2")};
  token.scope = "read";
  token.token = AccessToken("to\"ken");
  token.expires_at = kNow + Milliseconds(61'999);
  const http::Response response = disclose_token(token, kNow);
  EXPECT_EQ(http::find_header(response.headers, "Cache-Control"), "no-store");
  const auto body = object_of(response);
  EXPECT_EQ(body.size(), 7U);
  EXPECT_EQ(text_of(body, "access_token"), "to\"ken");
  EXPECT_EQ(text_of(body, "token_type"), "Bearer");
  EXPECT_EQ(body.at("expires_in").as_int64(), 61);
  EXPECT_EQ(text_of(body, "grant"), "g");
  EXPECT_EQ(text_of(body, "user"), "u\n\"\\1");
  EXPECT_EQ(body.at("vehicles").as_array().size(), 2U);
  EXPECT_EQ(text_of(body, "scope"), "read");
}

TEST(ApiDisclosure, never_says_that_a_token_expires_in_the_past) {
  GrantToken token;
  token.token = AccessToken("t");
  token.expires_at = kNow - seconds(5);
  EXPECT_EQ(object_of(disclose_token(token, kNow)).at("expires_in").as_int64(), 0);
}

TEST(ApiDisclosure, of_a_key_adds_it_to_the_caller) {
  const auto body = object_of(disclose_api_key(201, R"({"id":"x"})", Secret("kf_1_2")));
  EXPECT_EQ(text_of(body, "api_key"), "kf_1_2");
  EXPECT_EQ(text_of(body, "id"), "x");
}

// --- the owner's browser

TEST(ApiConsentPage, escapes_what_a_stranger_wrote) {
  engine::CallbackResult result;
  result.error = "<script>alert('x')</script>";
  const http::Response page = consent_page(result);
  EXPECT_EQ(page.status, 403);
  EXPECT_THAT(page.body, AllOf(Not(HasSubstr("<script>")), HasSubstr("&lt;script&gt;")));
  EXPECT_EQ(http::find_header(page.headers, "Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'");
}

TEST(ApiConsentPage, sends_the_browser_back_with_grant_or_error) {
  engine::CallbackResult result;
  result.return_to = "https://app.example/done?a=1#top";
  result.error = "access denied&x";
  EXPECT_EQ(http::find_header(back_to_application(result).headers, "Location"),
            "https://app.example/done?a=1&error=access%20denied%26x#top");
  result.return_to = "https://app.example/done";
  result.grant = Grant{};
  result.grant->id = GrantId("g1");
  const http::Response response = back_to_application(result);
  EXPECT_EQ(response.status, 303);
  EXPECT_EQ(http::find_header(response.headers, "Location"), "https://app.example/done?grant=g1");
}

TEST(ApiOpenapi, describes_every_path_once) {
  const auto document = boost::json::parse(openapi_json("1.2.3")).as_object();
  EXPECT_EQ(text_of(document.at("info").as_object(), "version"), "1.2.3");
  const auto& paths = document.at("paths").as_object();
  EXPECT_TRUE(paths.at("/v1/grants").as_object().contains("get"));
  EXPECT_TRUE(paths.at("/v1/grants").as_object().contains("post"));
  EXPECT_EQ(paths.at("/v1/token").at("get").at("x-permission").as_string(), "token:read");
  EXPECT_TRUE(paths.at("/healthz").at("get").at("security").as_array().empty());
}

}  // namespace
}  // namespace keyfob::api
