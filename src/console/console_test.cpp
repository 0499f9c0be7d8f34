// The console over the real API and engine: who gets in, how far, and what is refused.
#include "console/console.hpp"

#include <gtest/gtest.h>

#include "console/guard.hpp"
#include "testing/api_world.hpp"

namespace keyfob::console {
namespace {

using namespace keyfob::testing;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kAdminKey = "kf_adminadminad_" + std::string(43, 'a');
const std::string kFleetKey = "kf_fleetfleetfl_" + std::string(43, 'f');
const std::string kPlainKey = "kf_plainplainpl_" + std::string(43, 'p');

class ConsoleTest : public ::testing::Test {
 protected:
  ConsoleTest() {
    Admission root;
    root.name = kAdminKey;
    root.permissions = permissions_of({Permission::admin});
    world_.gate.add(root);
    world_.gate.add(world_.caller(kFleetKey, permissions_of({Permission::admin})));
    world_.gate.add(world_.caller(kPlainKey, permissions_of({Permission::grant_read, Permission::grant_write})));
  }

  http::Request request(std::string method, std::string target, std::string body = {}) {
    http::Request out{.method = std::move(method), .target = std::move(target), .headers = {}, .body = std::move(body)};
    out.headers = {{"Host", "keyfob.test:7420"}, {"Keyfob-Console", "1"}, {"Origin", "http://keyfob.test:7420"}};
    if (!cookie_.empty()) out.headers.push_back({"Cookie", "other=1; keyfob_console=" + cookie_ + "; last=2"});
    return out;
  }
  http::Response send(http::Request request) { return world_.run(console_.handle(std::move(request))); }
  http::Response ask(std::string method, std::string target, std::string body = {}) {
    return send(request(std::move(method), std::move(target), std::move(body)));
  }
  http::Response sign_in(const std::string& key) {
    http::Response response = ask("POST", "/console/session", R"({"api_key":")" + key + R"("})");
    const std::string cookie = header_of(response, "Set-Cookie");
    const auto begin = cookie.find('=') + 1;
    cookie_ = cookie.empty() ? "" : cookie.substr(begin, cookie.find(';') - begin);
    return response;
  }
  static void drop(http::Request& request, std::string_view name) {
    std::erase_if(request.headers, [name](const http::Header& header) { return header.name == name; });
  }

  ApiWorld world_;
  std::string cookie_;
  Console console_{
      world_.api, world_.gate, world_.clock, {.sessions = {.idle = minutes(30), .lifetime = hours(12), .most = 100}}};
};

TEST_F(ConsoleTest, serves_its_files_to_anybody_and_nothing_inline) {
  for (const char* path : {"/console/", "/console/index.html", "/console/main.js", "/console/console.css"}) {
    const http::Response response = ask("GET", path);
    ASSERT_THAT(response, has_status(200)) << path;
    EXPECT_THAT(header_of(response, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
    EXPECT_THAT(header_of(response, "Content-Security-Policy"), Not(HasSubstr("unsafe")));
    EXPECT_EQ(header_of(response, "X-Content-Type-Options"), "nosniff");
  }
  const std::string page = ask("GET", "/console/").body;
  for (const char* inline_code : {"<style", "onclick", "javascript:", " style="})
    EXPECT_THAT(page, Not(HasSubstr(inline_code)));
  EXPECT_THAT(ask("GET", "/console/../keyfob.key"), is_problem(404, "no_route"));
  EXPECT_THAT(ask("POST", "/console/"), is_problem(405, "method_not_allowed"));
  EXPECT_THAT(ask("GET", "/console"), has_status(308));
}

TEST_F(ConsoleTest, a_file_that_the_browser_has_is_not_sent_again) {
  http::Request again = request("GET", "/console/main.js");
  again.headers.push_back({"If-None-Match", header_of(ask("GET", "/console/main.js"), "ETag")});
  const http::Response response = send(std::move(again));
  EXPECT_THAT(response, has_status(304));
  EXPECT_EQ(response.body, "");
}

TEST_F(ConsoleTest, an_admins_key_becomes_a_cookie_that_scripts_cannot_read) {
  const http::Response response = sign_in(kAdminKey);
  ASSERT_THAT(response, has_status(200));
  const std::string cookie = header_of(response, "Set-Cookie");
  for (const char* part : {"; Path=/console", "; HttpOnly", "; SameSite=Strict"}) EXPECT_THAT(cookie, HasSubstr(part));
  EXPECT_THAT(cookie, Not(HasSubstr("Secure")));
  EXPECT_EQ(cookie_.size(), 64U);
  EXPECT_THAT(ask("GET", "/console/session"), has_status(200));
  EXPECT_THAT(ask("GET", "/console/api/status"), has_status(200));
}

TEST_F(ConsoleTest, the_cookie_is_secure_when_the_browser_speaks_tls) {
  http::Request behind_proxy = request("POST", "/console/session", R"({"api_key":")" + kAdminKey + R"("})");
  drop(behind_proxy, "Origin");
  behind_proxy.headers.push_back({"Origin", "https://keyfob.test:7420"});
  EXPECT_THAT(header_of(send(std::move(behind_proxy)), "Set-Cookie"), HasSubstr("; Secure"));
  Console with_tls(world_.api, world_.gate, world_.clock, {.listener_has_tls = true});
  const auto response =
      world_.run(with_tls.handle(request("POST", "/console/session", R"({"api_key":")" + kAdminKey + R"("})")));
  EXPECT_THAT(header_of(response, "Set-Cookie"), HasSubstr("; Secure"));
}

TEST_F(ConsoleTest, whatever_is_wrong_with_a_key_the_answer_is_the_same) {
  std::string wrong = kAdminKey;
  wrong.back() = 'b';
  const http::Response first = sign_in(wrong);
  EXPECT_THAT(first, is_problem(401, "unauthenticated"));
  EXPECT_EQ(header_of(first, "Set-Cookie"), "");
  for (const std::string& body : {R"({"api_key":"kf_nobodynobody_)" + std::string(43, 'x') + R"("})", std::string("{}"),
                                  std::string(R"({"api_key":7})"), std::string("nonsense"), std::string(),
                                  R"({"api_key":")" + std::string(5000, 'k') + R"("})"}) {
    EXPECT_EQ(ask("POST", "/console/session", body).body, first.body) << body.substr(0, 60);
  }
}

TEST_F(ConsoleTest, is_for_admins_only) { EXPECT_THAT(sign_in(kPlainKey), is_problem(403, "forbidden")); }

TEST_F(ConsoleTest, nothing_is_answered_without_a_session) {
  for (const char* path : {"/console/api/status", "/console/api/history", "/console/api/grants", "/console/session"}) {
    EXPECT_THAT(ask("GET", path), is_problem(401, "unauthenticated")) << path;
  }
  cookie_ = std::string(64, 'a');
  EXPECT_THAT(ask("GET", "/console/api/status"), is_problem(401, "unauthenticated"));
}

TEST_F(ConsoleTest, an_api_key_is_no_session) {
  http::Request direct = request("GET", "/console/api/status");
  direct.headers.push_back({"Authorization", "Bearer " + kAdminKey});
  EXPECT_THAT(send(std::move(direct)), is_problem(401, "unauthenticated"));
}

TEST_F(ConsoleTest, a_page_of_another_origin_changes_nothing) {
  sign_in(kAdminKey);
  const Grant grant = world_.import("ada", "car-1");
  const std::string path = "/console/api/grants/" + grant.id.str();
  const auto forged = [&](auto change) {
    http::Request bad = request("DELETE", path);
    change(bad);
    return send(std::move(bad));
  };
  const auto with_origin = [](std::string origin) {
    return [origin](http::Request& bad) {
      drop(bad, "Origin");
      if (!origin.empty()) bad.headers.push_back({"Origin", origin});
    };
  };
  for (const char* origin : {"", "null", "http://evil.test", "http://keyfob.test", "http://keyfob.test:7421",
                             "http://evil.test/keyfob.test:7420", "http://keyfob.test:7420.evil.test"}) {
    EXPECT_THAT(forged(with_origin(origin)), is_problem(403, "forbidden")) << origin;
  }
  EXPECT_THAT(forged([](http::Request& bad) { drop(bad, "Keyfob-Console"); }), is_problem(403, "forbidden"));
  for (const char* site : {"cross-site", "same-site", "none"}) {
    EXPECT_THAT(forged([site](http::Request& bad) { bad.headers.push_back({"Sec-Fetch-Site", site}); }),
                is_problem(403, "forbidden"))
        << site;
  }
  EXPECT_EQ(text_in(ask("GET", path), "status"), "active");
  EXPECT_THAT(forged([](http::Request& good) { good.headers.push_back({"Sec-Fetch-Site", "same-origin"}); }),
              has_status(204));
}

TEST_F(ConsoleTest, reading_wants_the_header_too) {
  sign_in(kAdminKey);
  http::Request navigation = request("GET", "/console/api/grants");
  drop(navigation, "Keyfob-Console");
  EXPECT_THAT(send(std::move(navigation)), is_problem(403, "forbidden"));
}

TEST_F(ConsoleTest, calls_what_its_pages_need_and_nothing_that_discloses_or_makes_a_secret) {
  sign_in(kAdminKey);
  const Grant grant = world_.import("ada", "car-1");
  const std::string path = "/console/api/grants/" + grant.id.str();
  EXPECT_THAT(ask("GET", path), has_status(200));
  EXPECT_THAT(ask("GET", path + "/outlook"), has_status(200));
  EXPECT_THAT(ask("POST", path + "/refresh"), has_status(200));
  for (const char* get : {"/console/api/token?user=ada&app=fleet", "/console/api/callers", "/console/api/keys",
                          "/console/api/authz", "/console/api/../v1/token", "/console/api/", "/console/api/grants/"}) {
    EXPECT_THAT(ask("GET", get), is_problem(404, "no_route")) << get;
  }
  EXPECT_THAT(ask("POST", "/console/api/callers", R"({"name":"x","permissions":["admin"]})"),
              is_problem(404, "no_route"));
  EXPECT_THAT(ask("POST", "/console/api/grants?app=fleet", "{}"), is_problem(404, "no_route"));
  EXPECT_THAT(ask("DELETE", path + "/record"), is_problem(404, "no_route"));
}

TEST_F(ConsoleTest, an_applications_admin_sees_that_application_only) {
  world_.add_app("another");
  const Grant theirs = world_.import("bob", "car-2");
  sign_in(kFleetKey);
  EXPECT_THAT(ask("GET", "/console/api/grants/" + theirs.id.str()), is_problem(404, "unknown_grant"));
  EXPECT_THAT(ask("GET", "/console/api/grants?app=another"), is_problem(403, "forbidden"));
  EXPECT_THAT(ask("GET", "/console/api/apps").body, Not(HasSubstr("another")));
}

TEST_F(ConsoleTest, a_caller_that_is_disabled_loses_the_session) {
  sign_in(kAdminKey);
  ASSERT_THAT(ask("GET", "/console/api/status"), has_status(200));
  world_.gate.callers.erase(kAdminKey);
  EXPECT_THAT(ask("GET", "/console/api/status"), is_problem(401, "unauthenticated"));
  Admission back;
  back.name = kAdminKey;
  back.permissions = permissions_of({Permission::admin});
  world_.gate.add(back);
  EXPECT_THAT(ask("GET", "/console/api/status"), is_problem(401, "unauthenticated")) << "the session is over for good";
}

TEST_F(ConsoleTest, a_caller_that_is_no_admin_any_more_loses_the_session) {
  sign_in(kFleetKey);
  world_.gate.callers.erase(kFleetKey);
  world_.gate.add(world_.caller(kFleetKey, permissions_of({Permission::grant_read})));
  EXPECT_THAT(ask("GET", "/console/api/status"), is_problem(403, "forbidden"));
}

TEST_F(ConsoleTest, sessions_end_when_idle_and_by_signing_out) {
  sign_in(kAdminKey);
  world_.clock.advance(minutes(31));
  EXPECT_THAT(ask("GET", "/console/api/status"), is_problem(401, "unauthenticated"));
  sign_in(kAdminKey);
  const http::Response out = ask("DELETE", "/console/session");
  EXPECT_THAT(out, has_status(204));
  EXPECT_THAT(header_of(out, "Set-Cookie"), HasSubstr("Max-Age=0"));
  EXPECT_THAT(ask("GET", "/console/api/status"), is_problem(401, "unauthenticated"));
}

TEST_F(ConsoleTest, signing_in_anew_ends_the_session_before) {
  sign_in(kAdminKey);
  const std::string before = cookie_;
  sign_in(kAdminKey);
  EXPECT_NE(cookie_, before);
  cookie_ = before;
  EXPECT_THAT(ask("GET", "/console/api/status"), is_problem(401, "unauthenticated"));
}

TEST_F(ConsoleTest, the_history_is_of_this_node) {
  sign_in(kAdminKey);
  const http::Response response = ask("GET", "/console/api/history?minutes=60");
  ASSERT_THAT(response, has_status(200));
  EXPECT_EQ(json_of(response).at("refreshed").as_array().size(), 1U);
}

}  // namespace
}  // namespace keyfob::console
