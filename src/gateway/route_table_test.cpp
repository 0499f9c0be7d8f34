#include "gateway/route_table.hpp"

#include <gmock/gmock.h>

#include <random>

#include "oauth/profiles.hpp"

namespace keyfob::gateway {
namespace {

using testing::HasSubstr;

RouteTable compiled(const std::vector<RouteRule>& rules) { return *RouteTable::compile(rules); }

RouteTable smartcar() { return compiled(oauth::builtin_profile("smartcar")->routes); }

RouteMatch get(const RouteTable& table, std::string_view path, bool v3 = false) {
  return table.match("GET", path, {.v3_credentials = v3});
}

/// Which credential of Smartcar goes where. `v3`: the application has v3 credentials.
struct Way {
  const char* method;
  const char* path;
  bool v3;
  const char* origin;
  const char* credential;
  const char* scheme;
  const char* permission;
  const char* vehicle;
};

constexpr const char* kApi = "https://api.smartcar.com";
constexpr const char* kVehicle = "https://vehicle.api.smartcar.com";
constexpr const char* kManagement = "https://management.smartcar.com";
constexpr const char* kManagement3 = "https://management.api.smartcar.com";

constexpr Way kWays[] = {
    {"GET", "/v2.0/vehicles/v1", false, kApi, "user", "bearer", "gateway", "v1"},
    {"GET", "/v2.0/vehicles/v1/", true, kApi, "user", "bearer", "gateway", "v1"},
    {"GET", "/v2.0/vehicles/v1/odometer", false, kApi, "user", "bearer", "gateway", "v1"},
    {"POST", "/v2.0/vehicles/v1/security", true, kApi, "user", "bearer", "gateway", "v1"},
    {"POST", "/v2.0/vehicles/v1/batch", false, kApi, "user", "bearer", "gateway", "v1"},
    {"POST", "/v2.0/vehicles/v1/webhooks/w1", false, kApi, "user", "bearer", "gateway", "v1"},
    {"DELETE", "/v2.0/vehicles/v1/webhooks/w1", false, kApi, "management", "bearer", "gateway", "v1"},
    {"DELETE", "/v2.0/vehicles/v1/application", false, kApi, "user", "bearer", "grant:revoke", "v1"},
    {"DELETE", "/v2.0/vehicles/v1/application/", false, kApi, "user", "bearer", "grant:revoke", "v1"},
    {"DELETE", "/v2.0/vehicles/v1/Application", false, kApi, "user", "bearer", "grant:revoke", "v1"},
    {"DELETE", "/V2.0/VEHICLES/v1/APPLICATION", false, kApi, "user", "bearer", "grant:revoke", "v1"},
    {"GET", "/v2.0/vehicles/v1/application", false, kApi, "user", "bearer", "gateway", "v1"},
    {"GET", "/v2.0/vehicles/v1/service/history", false, kApi, "user", "bearer", "gateway", "v1"},
    {"GET", "/v2.0/vehicles", false, kApi, "user", "bearer", "gateway", ""},
    {"GET", "/v2.0/vehicles/", false, kApi, "user", "bearer", "gateway", ""},
    {"GET", "/v2.0/user", false, kApi, "user", "bearer", "gateway", ""},
    {"GET", "/v2.0/user/", true, kApi, "user", "bearer", "gateway", ""},
    {"GET", "/v2.0/something/new", false, kApi, "user", "bearer", "gateway", ""},
    {"GET", "/v2.0/compatibility", false, kApi, "client", "basic", "gateway", ""},
    {"GET", "/v2.0/compatibility/matrix", true, kApi, "client", "basic", "gateway", ""},
    {"GET", "/v2.0/management/connections", false, kManagement, "management", "basic", "management", ""},
    {"DELETE", "/v2.0/management/connections/", true, kManagement, "management", "basic", "management", ""},
    {"GET", "/v3/vehicles/v1/signals", false, kVehicle, "user", "bearer", "gateway", "v1"},
    {"GET", "/v3/vehicles/v1/signals", true, kVehicle, "application", "bearer", "gateway", "v1"},
    {"POST", "/v3/vehicles/v1/commands/charge/start", true, kVehicle, "application", "bearer", "gateway", "v1"},
    {"GET", "/v3/connections", true, kVehicle, "application", "bearer", "management", ""},
    {"GET", "/v3/connections/c1", true, kVehicle, "application", "bearer", "management", ""},
    {"DELETE", "/v3/connections/c1", true, kVehicle, "application", "bearer", "grant:revoke", ""},
    {"DELETE", "/v3/users/u1", true, kVehicle, "application", "bearer", "management", ""},
    {"GET", "/v3/webhooks", true, kManagement3, "application", "bearer", "management", ""},
    {"POST", "/v3/subscriptions", true, kManagement3, "application", "bearer", "management", ""},
    {"DELETE", "/v3/subscriptions/s1", true, kManagement3, "application", "bearer", "management", ""},
    {"GET", "/v3/compatible-vehicles", true, "https://compatibility.api.smartcar.com", "application", "bearer",
     "management", ""},
    {"GET", "/v3.0/vehicles/v1", false, kVehicle, "user", "bearer", "gateway", "v1"},
    {"GET", "/v3.0/vehicles/v1", true, kVehicle, "user", "bearer", "gateway", "v1"},
};

class SmartcarRouteTest : public testing::TestWithParam<Way> {};

TEST_P(SmartcarRouteTest, CarriesTheCredentialThatBelongsThere) {
  const RouteTable table = smartcar();
  const Way& way = GetParam();
  const RouteMatch match = table.match(way.method, way.path, {.v3_credentials = way.v3});
  ASSERT_EQ(match.outcome, RouteOutcome::matched);
  EXPECT_EQ(match.rule->origin, way.origin);
  EXPECT_EQ(oauth::to_string(match.rule->credential), way.credential);
  EXPECT_EQ(oauth::to_string(match.rule->scheme), way.scheme);
  EXPECT_EQ(match.rule->permission, way.permission);
  EXPECT_EQ(match.vehicle, way.vehicle);
  EXPECT_EQ(match.user, "");
  EXPECT_EQ(&table.rules()[match.index], match.rule);
  const bool injects = way.v3 && match.vehicle == "v1" && match.rule->credential == CredentialKind::application;
  EXPECT_EQ(match.rule->inject.empty(), !injects);
}

INSTANTIATE_TEST_SUITE_P(All, SmartcarRouteTest, testing::ValuesIn(kWays));

TEST(RouteTableTest, ApplicationRoutesDoNotExistWithoutV3Credentials) {
  const RouteTable table = smartcar();
  for (const char* path :
       {"/v3/connections", "/v3/users/u", "/v3/webhooks", "/v3/subscriptions", "/v3/compatible-vehicles"}) {
    EXPECT_EQ(get(table, path, false).outcome, RouteOutcome::no_route) << path;
  }
}

TEST(RouteTableTest, UnknownPathsHaveNoRoute) {
  const RouteTable table = smartcar();
  for (const char* path :
       {"/", "/v1/token", "/v2.0x/vehicles", "/v3/vehicles", "/v3.0/vehicles", "/v3/compatible-vehicles/x"}) {
    EXPECT_EQ(get(table, path, true).outcome, RouteOutcome::no_route) << path;
  }
}

TEST(RouteTableTest, BadPathsAreNeverRouted) {
  const RouteTable table = compiled({{.match = "/**", .origin = "https://a.example"}});
  for (const char* path :
       {"",       "v2.0",    "*",         "//",          "/a//b",    "/a//",   "/.",         "/..",
        "/a/./b", "/a/../b", "/a/..",     "/a/%2e%2e/b", "/a/%2E/b", "/a%2fb", "/a%2Fb",     "/a%5cb",
        "/a\\b",  "/a%00",   "/a%0d%0ab", "/a%7f",       "/a%",      "/a%4",   "/a%zz",      "/a%61",
        "/a%2D",  "/a%7E",   "/a%252e",   "/a b",        "/a\tb",    "/a\x7f", "/a\xc3\xa9", "/a?b",
        "/a#b",   "/a\"b",   "/a<b>",     "/a{b}",       "/a|b",     "/a^b",   "/a`b"}) {
    EXPECT_EQ(get(table, path).outcome, RouteOutcome::bad_path) << path;
  }
  EXPECT_EQ(get(table, std::string_view("/a\0b", 4)).outcome, RouteOutcome::bad_path);
}

TEST(RouteTableTest, ReservedAndForeignBytesMayBeEncoded) {
  const RouteTable table = compiled({{.match = "/**", .origin = "https://a.example"}});
  for (const char* path :
       {"/", "/a", "/a/", "/history%3Fstart_date=1", "/a%20b", "/%C3%A9", "/...", "/a.b", "/.a", "/a;b=1", "/a:b@c"}) {
    EXPECT_EQ(get(table, path).outcome, RouteOutcome::matched) << path;
  }
}

TEST(RouteTableTest, AnEncodedIdIsRefusedNotDecodedAndNotRoutedElsewhere) {
  const RouteTable table = smartcar();
  EXPECT_EQ(get(table, "/v2.0/vehicles/v%201/odometer").outcome, RouteOutcome::bad_path);
  EXPECT_EQ(get(table, "/v2.0/vehicles/v1/a%20b").outcome, RouteOutcome::matched);
}

TEST(RouteTableTest, PathParametersHideNothing) {
  const RouteTable table = smartcar();
  const RouteMatch match = table.match("DELETE", "/v2.0;a/vehicles;b=c/v1/application;d", {});
  ASSERT_EQ(match.outcome, RouteOutcome::matched);
  EXPECT_EQ(match.rule->permission, "grant:revoke") << "a reader that drops parameters would revoke";
  EXPECT_EQ(match.vehicle, "v1");
  EXPECT_EQ(get(table, "/v2.0/vehicles/v1;a/odometer").outcome, RouteOutcome::bad_path);
  for (const char* path : {"/v2.0/vehicles/v1/..;/v2", "/v2.0/vehicles/v1/.;a", "/v2.0/vehicles/v1/;a/b", "/;"}) {
    EXPECT_EQ(get(table, path).outcome, RouteOutcome::bad_path) << path;
  }
  const auto limits = RouteLimits::compile(std::vector<std::string>{"GET /v2.0/vehicles/*/odometer"});
  EXPECT_FALSE(limits->allows("GET", "/v2.0/vehicles/v1/odometer;a"));
}

TEST(RouteTableTest, PathsOfMoreThan32SegmentsAreBad) {
  const RouteTable table = compiled({{.match = "/**", .origin = "https://a.example"}});
  std::string path;
  for (int i = 0; i < 32; ++i) path += "/x";
  EXPECT_EQ(get(table, path).outcome, RouteOutcome::matched);
  EXPECT_EQ(get(table, path + "/").outcome, RouteOutcome::matched);
  EXPECT_EQ(get(table, path + "/x").outcome, RouteOutcome::bad_path);
}

TEST(RouteTableTest, TheFirstRuleThatFitsWinsAcrossBuckets) {
  const RouteTable table = compiled({
      {.match = "/a/x", .origin = "https://1.example", .methods = {"POST"}},
      {.match = "/*/x", .origin = "https://2.example"},
      {.match = "/a/**", .origin = "https://3.example"},
      {.match = "/b", .origin = "https://4.example"},
      {.match = "/**", .origin = "https://5.example"},
  });
  EXPECT_EQ(table.match("POST", "/a/x", {}).index, 0);
  EXPECT_EQ(get(table, "/a/x").index, 1);
  EXPECT_EQ(get(table, "/a/y").index, 2);
  EXPECT_EQ(get(table, "/a").index, 2);
  EXPECT_EQ(get(table, "/b/x").index, 1);
  EXPECT_EQ(get(table, "/b").index, 3);
  EXPECT_EQ(get(table, "/b/c").index, 4);
  EXPECT_EQ(get(table, "/c/x").index, 1);
  EXPECT_EQ(get(table, "/").index, 4);
}

TEST(RouteTableTest, CapturesVehicleAndUserAsTheyStandInThePath) {
  const RouteTable table = compiled({{.match = "/u/{user}/cars/{vehicle}/*", .origin = "https://a.example"}});
  const std::string path = "/u/Owner-1/cars/VIN:7/x";
  const RouteMatch match = get(table, path);
  ASSERT_EQ(match.outcome, RouteOutcome::matched);
  EXPECT_EQ(match.user, "Owner-1");
  EXPECT_EQ(match.vehicle, "VIN:7");
  EXPECT_GE(match.vehicle.data(), path.data());
  EXPECT_LE(match.vehicle.data() + match.vehicle.size(), path.data() + path.size());
  EXPECT_EQ(get(table, "/u/Owner-1/cars/VIN").outcome, RouteOutcome::no_route);
}

TEST(RouteTableTest, WrongRulesAreRefusedByName) {
  for (const char* bad :
       {"", "x", "/a//b", "/a/**/b", "/{car}", "/a*", "/{vehicle}/{vehicle}", "/%61", "/..", "/a/{"}) {
    const std::vector<RouteRule> rules = {{.match = bad, .origin = "https://a.example"}};
    const auto table = RouteTable::compile(rules);
    ASSERT_FALSE(table) << bad;
    EXPECT_THAT(table.error().what, HasSubstr("route " + std::string(bad) + ": "));
  }
  const std::vector<RouteRule> rules = {{.match = "/a", .origin = "https://a.example", .when = "sometimes"}};
  EXPECT_FALSE(RouteTable::compile(rules));
}

TEST(RouteTableTest, AnEmptyTableHasNoRoutes) { EXPECT_EQ(get(compiled({}), "/a").outcome, RouteOutcome::no_route); }

TEST(RouteTableTest, AnyBytesAreMatchedWithoutHarm) {
  const RouteTable table = smartcar();
  std::mt19937 random(1);  // NOLINT: the same bytes in every run
  constexpr char kAlphabet[] = "/v2.03vehicles%2fA?#{}*\\\0\x80";
  for (int round = 0; round < 20'000; ++round) {
    std::string path = random() % 2 == 0 ? "/v2.0/vehicles/" : "";
    const auto size = random() % 40;
    for (unsigned i = 0; i < size; ++i) path += kAlphabet[random() % (sizeof(kAlphabet) - 1)];
    const std::unique_ptr<char[]> exact(new char[path.size()]);  // so that a read past the end is seen
    std::ranges::copy(path, exact.get());
    const std::string_view view(exact.get(), path.size());
    const RouteMatch match = table.match("GET", view, {});
    EXPECT_EQ(match.outcome == RouteOutcome::matched, match.rule != nullptr);
    EXPECT_EQ(match.vehicle.find_first_of("/%?#"), std::string_view::npos);
  }
}

// ---- a caller's own list

RouteLimits limits_of(const std::vector<std::string>& lines) { return *RouteLimits::compile(lines); }

TEST(RouteLimitsTest, AllowOnlyWhatIsListed) {
  const RouteLimits limits =
      limits_of({"GET /v2.0/vehicles/*/odometer", "* /v2.0/user", "/v2.0/vehicles/{vehicle}/charge/**"});
  EXPECT_TRUE(limits.allows("GET", "/v2.0/vehicles/v1/odometer"));
  EXPECT_TRUE(limits.allows("GET", "/v2.0/vehicles/v1/odometer/"));
  EXPECT_TRUE(limits.allows("POST", "/v2.0/user"));
  EXPECT_TRUE(limits.allows("POST", "/v2.0/vehicles/v1/charge"));
  EXPECT_TRUE(limits.allows("POST", "/v2.0/vehicles/v1/charge/limit"));
  EXPECT_FALSE(limits.allows("POST", "/v2.0/vehicles/v1/odometer"));
  EXPECT_FALSE(limits.allows("GET", "/v2.0/vehicles/v1"));
  EXPECT_FALSE(limits.allows("GET", "/v2.0/vehicles/v1/location"));
  EXPECT_FALSE(limits.allows("GET", "/v2.0/vehicles/v1/odometer/x"));
  EXPECT_FALSE(limits.allows("GET", "/v2.0/vehicles/v1/Odometer")) << "rights are given to exactly this text";
  EXPECT_FALSE(limits.allows("get", "/v2.0/vehicles/v1/odometer"));
}

TEST(RouteLimitsTest, BadPathsAreNotAllowedEvenWithoutAList) {
  EXPECT_TRUE(limits_of({}).allows("GET", "/anything"));
  EXPECT_FALSE(limits_of({}).allows("GET", "/a/../b"));
  EXPECT_FALSE(limits_of({"GET /a/*"}).allows("GET", "/a/%2e%2e"));
}

TEST(RouteLimitsTest, WrongLinesAreQuoted) {
  for (const char* bad : {"", "GET", "get /a", "GET  /a", "GET /a//b", "GET|POST /a", "GET /a/**/b"}) {
    const std::vector<std::string> lines = {bad};
    const auto limits = RouteLimits::compile(lines);
    ASSERT_FALSE(limits) << bad;
    EXPECT_THAT(limits.error().what, HasSubstr("'" + std::string(bad) + "'"));
  }
}

}  // namespace
}  // namespace keyfob::gateway
