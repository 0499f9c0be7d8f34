#include "oauth/profiles.hpp"

#include <gmock/gmock.h>

#include "base/url.hpp"
#include "core/application.hpp"

namespace keyfob::oauth {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

ProviderProfile smartcar() { return *builtin_profile("smartcar"); }

TEST(ProfilesTest, EveryBuiltInProfileIsValidAndNamedAsItIsListed) {
  for (const std::string_view name : builtin_profile_names()) {
    const auto profile = builtin_profile(name);
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->name, name);
    const auto valid = validate_profile(*profile);
    EXPECT_TRUE(valid) << (valid ? "" : valid.error().what);
  }
  EXPECT_FALSE(builtin_profile("nobody"));
}

TEST(ProfilesTest, SmartcarHasTheDocumentedValues) {
  const ProviderProfile p = smartcar();
  EXPECT_EQ(p.authorize_url, "https://connect.smartcar.com/oauth/authorize");
  EXPECT_EQ(p.token_url, "https://auth.smartcar.com/oauth/token");
  EXPECT_EQ(p.app_token_url, "https://iam.smartcar.com/oauth2/token");
  EXPECT_EQ(p.client_auth, ClientAuth::basic);
  EXPECT_EQ(p.app_client_auth, ClientAuth::body);
  EXPECT_EQ(p.rotation, Rotation::required);
  EXPECT_EQ(p.access_ttl, seconds(7200));
  EXPECT_EQ(p.app_token_ttl, seconds(3600));
  EXPECT_EQ(p.refresh_ttl, seconds(5184000));
  EXPECT_EQ(p.reuse_window, seconds(60));
  EXPECT_TRUE(p.late_reuse);
  EXPECT_FALSE(p.pkce);
  EXPECT_EQ(p.identity.user_url, "https://api.smartcar.com/v2.0/user");
  EXPECT_EQ(p.identity.user_field, "id");
  EXPECT_EQ(p.identity.page_size, 50U);
  EXPECT_EQ(p.revoke.vehicle_url, "https://api.smartcar.com/v2.0/vehicles/{vehicle}/application");
  EXPECT_EQ(p.revoke.revocation_url, "");
}

TEST(ProfilesTest, RoutesThatReachBeyondOneGrantNeedManagement) {
  for (const RouteRule& route : smartcar().routes) {
    const bool beyond = route.match.find("{vehicle}") == std::string::npos &&
                        route.credential != CredentialKind::user && route.credential != CredentialKind::client;
    if (!beyond) continue;
    EXPECT_EQ(route.permission, route.match == "/v3/connections/*" ? "grant:revoke" : "management") << route.match;
  }
}

TEST(ProfilesTest, AllOriginsLeavesNoUrlOfTheProviderBehind) {
  const ProviderProfile p = with_all_origins(smartcar(), "http://127.0.0.1:7421");
  EXPECT_EQ(p.token_url, "http://127.0.0.1:7421/oauth/token");
  EXPECT_EQ(p.app_token_url, "http://127.0.0.1:7421/oauth2/token");
  EXPECT_EQ(p.authorize_url, "http://127.0.0.1:7421/oauth/authorize");
  EXPECT_EQ(p.reauthenticate_url, "http://127.0.0.1:7421/oauth/reauthenticate");
  EXPECT_EQ(p.identity.user_url, "http://127.0.0.1:7421/v2.0/user");
  EXPECT_EQ(p.revoke.vehicle_url, "http://127.0.0.1:7421/v2.0/vehicles/{vehicle}/application");
  EXPECT_EQ(p.revoke.revocation_url, "");
  for (const RouteRule& route : p.routes) EXPECT_EQ(route.origin, "http://127.0.0.1:7421") << route.match;
  EXPECT_TRUE(validate_profile(p));
}

TEST(ProfilesTest, OverridesChangeOnlyWhatTheyName) {
  const auto p = make_profile("smartcar", {.all_origins = "http://127.0.0.1:7421/",
                                           .token_url = "https://tokens.example/t",
                                           .client_auth = ClientAuth::query,
                                           .reuse_window = seconds(5)});
  ASSERT_TRUE(p);
  EXPECT_EQ(p->token_url, "https://tokens.example/t") << "a single URL wins over all_origins";
  EXPECT_EQ(p->identity.user_url, "http://127.0.0.1:7421/v2.0/user");
  EXPECT_EQ(p->client_auth, ClientAuth::query);
  EXPECT_EQ(p->reuse_window, seconds(5));
  EXPECT_EQ(p->refresh_ttl, days(60));
}

TEST(ProfilesTest, AnUnknownNameIsAPlainStrictProvider) {
  const auto p = make_profile("acme", {.authorize_url = "https://id.acme.example/auth",
                                       .token_url = "https://id.acme.example/token",
                                       .revocation_url = "https://id.acme.example/revoke",
                                       .pkce = true,
                                       .rotation = Rotation::optional});
  ASSERT_TRUE(p) << p.error().what;
  EXPECT_EQ(p->reuse_window, Milliseconds(0));
  EXPECT_FALSE(p->late_reuse);
  EXPECT_TRUE(p->pkce);
  EXPECT_THAT(p->dead_grant, Contains(Field(&DeadGrantRule::error, "invalid_grant")));
  EXPECT_EQ(p->mode_param, "");
}

struct Broken {
  const char* says;
  void (*breaks)(ProviderProfile&);
};

class BrokenProfileTest : public testing::TestWithParam<Broken> {};

TEST_P(BrokenProfileTest, IsRefusedWithTheReason) {
  ProviderProfile p = smartcar();
  GetParam().breaks(p);
  const auto valid = validate_profile(p);
  ASSERT_FALSE(valid);
  EXPECT_EQ(valid.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(valid.error().what, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Profiles, BrokenProfileTest,
    testing::Values(
        Broken{"name is not", [](ProviderProfile& p) { p.name = "Smart Car"; }},
        Broken{"token_url is missing", [](ProviderProfile& p) { p.token_url = ""; }},
        Broken{"token_url is not a URL", [](ProviderProfile& p) { p.token_url = "auth.smartcar.com"; }},
        Broken{"token_url is plain http", [](ProviderProfile& p) { p.token_url = "http://auth.smartcar.com/t"; }},
        Broken{"plain http", [](ProviderProfile& p) { p.token_url = "http://127.0.0.1.evil.example/t"; }},
        Broken{"vehicle_url does not contain",
               [](ProviderProfile& p) { p.revoke.vehicle_url = "https://a.example/x"; }},
        Broken{"lifetime", [](ProviderProfile& p) { p.refresh_ttl = Milliseconds(0); }},
        Broken{"reuse_window", [](ProviderProfile& p) { p.reuse_window = Milliseconds(-1); }},
        Broken{"neither error nor description", [](ProviderProfile& p) { p.dead_grant.push_back({.status = 400}); }},
        Broken{"outside 400", [](ProviderProfile& p) { p.dead_grant.push_back({.status = 500, .error = "x"}); }},
        Broken{"unknown capture", [](ProviderProfile& p) { p.routes[0].match = "/x/{car}"; }},
        Broken{"** before the end", [](ProviderProfile& p) { p.routes[0].match = "/x/**/y"; }},
        Broken{"starts with /", [](ProviderProfile& p) { p.routes[0].match = "x"; }},
        Broken{"dot segment", [](ProviderProfile& p) { p.routes[0].match = "/x/../y"; }},
        Broken{"origin is not", [](ProviderProfile& p) { p.routes[0].origin = "https://a.example/path"; }},
        Broken{"origin is not", [](ProviderProfile& p) { p.routes[0].origin = ""; }},
        Broken{"has no basic form",
               [](ProviderProfile& p) {
                 p.routes[0].credential = CredentialKind::user;
                 p.routes[0].scheme = Scheme::basic;
               }},
        Broken{"unknown permission", [](ProviderProfile& p) { p.routes[0].permission = "everything"; }},
        Broken{"unknown condition", [](ProviderProfile& p) { p.routes[0].when = "full_moon"; }},
        Broken{"method", [](ProviderProfile& p) { p.routes[0].methods = {"GET POST"}; }},
        Broken{"cannot be set", [](ProviderProfile& p) { p.routes[0].inject = {{"Authorization", "x"}}; }},
        Broken{"not plain text", [](ProviderProfile& p) { p.routes[0].inject = {{"x-y", "a\r\nb"}}; }},
        Broken{"user_agent", [](ProviderProfile& p) { p.user_agent = "a\nb"; }}));

TEST(ProfilesTest, NamesOfChoicesReadBack) {
  for (const auto v : {ClientAuth::basic, ClientAuth::body, ClientAuth::query})
    EXPECT_EQ(client_auth_from(to_string(v)), v);
  for (const auto v : {Rotation::required, Rotation::optional}) EXPECT_EQ(rotation_from(to_string(v)), v);
  for (const auto v : {Scheme::bearer, Scheme::basic}) EXPECT_EQ(scheme_from(to_string(v)), v);
  for (const auto v : {CredentialKind::user, CredentialKind::application, CredentialKind::management,
                       CredentialKind::client, CredentialKind::none}) {
    EXPECT_EQ(credential_kind_from(to_string(v)), v);
  }
  EXPECT_FALSE(client_auth_from("Basic"));
}

}  // namespace
}  // namespace keyfob::oauth
