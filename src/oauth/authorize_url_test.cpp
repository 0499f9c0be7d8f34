#include "oauth/authorize_url.hpp"

#include <gmock/gmock.h>

#include "oauth/profiles.hpp"

namespace keyfob::oauth {
namespace {

using testing::HasSubstr;
using testing::Not;

ProviderProfile smartcar() { return *builtin_profile("smartcar"); }

ConsentUrlRequest request() { return {.client_id = "c-1", .redirect_uri = "https://a.example/cb", .state = "s/1"}; }

TEST(ConsentUrlTest, CarriesTheDocumentedParameters) {
  ConsentUrlRequest r = request();
  r.scopes = {"read_odometer", "required:read_vin"};
  EXPECT_EQ(
      *consent_url(smartcar(), r),
      "https://connect.smartcar.com/oauth/authorize?response_type=code&client_id=c-1"
      "&redirect_uri=https%3A%2F%2Fa.example%2Fcb&scope=read_odometer%20required%3Aread_vin&state=s%2F1&mode=live");
}

TEST(ConsentUrlTest, CarriesEveryOptionThatIsSet) {
  ConsentUrlRequest r = request();
  r.mode = Mode::simulated;
  r.make = "TESLA";
  r.single_select_vin = "5YJSA1CN5DFP00101";
  r.flags = "country:DE color:00819D";
  r.user = "own user";
  r.external_id = "own-7";
  r.force = true;
  r.code_challenge = "abc";
  EXPECT_THAT(*consent_url(smartcar(), r),
              HasSubstr("&mode=simulated&approval_prompt=force&make=TESLA&single_select=true"
                        "&single_select_vin=5YJSA1CN5DFP00101&flags=country%3ADE%20color%3A00819D&user=own%20user"
                        "&external_id=own-7&code_challenge=abc&code_challenge_method=S256"));
}

TEST(ConsentUrlTest, APlainProviderGetsNoParameterOfSmartcar) {
  ProviderProfile p = *make_profile(
      "acme", {.authorize_url = "https://id.example/auth?tenant=1", .token_url = "https://id.example/token"});
  p.authorize_params = {{"prompt", "consent"}};
  EXPECT_EQ(*consent_url(p, request()),
            "https://id.example/auth?tenant=1&response_type=code&client_id=c-1"
            "&redirect_uri=https%3A%2F%2Fa.example%2Fcb&state=s%2F1&prompt=consent");
}

TEST(ConsentUrlTest, RefusesWhatCannotWork) {
  ConsentUrlRequest r = request();
  r.state = "";
  EXPECT_FALSE(consent_url(smartcar(), r));
  r = request();
  r.client_id = "";
  EXPECT_FALSE(consent_url(smartcar(), r));
  r = request();
  r.single_select_vin = "short";
  EXPECT_FALSE(consent_url(smartcar(), r));
  ProviderProfile p = smartcar();
  p.pkce = true;
  EXPECT_FALSE(consent_url(p, request()));
  p.authorize_url = "";
  EXPECT_FALSE(consent_url(p, request()));
}

TEST(ReauthenticateUrlTest, NamesTheVehicle) {
  EXPECT_EQ(*reauthenticate_url(smartcar(), {"c-1", VehicleId("v-1"), "https://a.example/cb", "s", "u"}),
            "https://connect.smartcar.com/oauth/reauthenticate?response_type=vehicle_id&client_id=c-1&vehicle_id=v-1"
            "&redirect_uri=https%3A%2F%2Fa.example%2Fcb&state=s&user=u");
}

TEST(ReauthenticateUrlTest, IsNotFoundWhereTheProviderHasNoSuchPage) {
  ProviderProfile p = smartcar();
  p.reauthenticate_url = "";
  const auto url = reauthenticate_url(p, {"c-1", VehicleId("v-1"), "https://a.example/cb"});
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace keyfob::oauth
