#pragma once
// ProviderProfile: everything that is different about one OAuth provider, as data. A vendor's quirk is a line here,
// never an `if` in the engine or the gateway.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace keyfob {

enum class ClientAuth : std::uint8_t { basic, body, query };
enum class Rotation : std::uint8_t { required, optional };
enum class CredentialKind : std::uint8_t { user, application, management, client, none };
enum class Scheme : std::uint8_t { bearer, basic };

/// One kind of answer that means "this refresh token is refused". Empty fields match anything.
struct DeadGrantRule {
  int status = 0;                    ///< 0: any
  std::string error{};               ///< exact OAuth `error`
  std::string description_prefix{};  ///< prefix of `error_description`, compared before redaction
};

/// An answer of the API that asks for the owner, whatever the token. Shown as the grant's `attention`; blocks nothing.
struct AttentionRule {
  int status = 0;      ///< 0: any 4xx but 401
  std::string member;  ///< "resolution.type": in the body's object, or in the first of its "errors"
  std::string value;   ///< exact
};

/// A path pattern of the provider's API and the credential that belongs there, and only there.
struct RouteRule {
  std::string
      match;  ///< "/v2.0/vehicles/{vehicle}/**": {vehicle} and {user} are captured, * is one segment, ** the rest
  std::string origin;  ///< "https://api.smartcar.com"
  CredentialKind credential = CredentialKind::user;
  Scheme scheme = Scheme::bearer;
  std::vector<std::string> methods{};                         ///< empty: all
  std::string permission = "gateway";                         ///< what a caller needs
  std::vector<std::pair<std::string, std::string>> inject{};  ///< header -> template, "{provider_user}" is filled in
  bool needs_user = false;  ///< the route has no vehicle, so the request must name a user
  std::string when{};  ///< "v3_credentials": only for applications that have them; "no_v3_credentials"; empty: always
};

/// How a provider answers who a token belongs to, asked after consent.
struct IdentityRule {
  std::string user_url{};  ///< GET with the access token, answers an object
  std::string user_field = "id";
  std::string
      vehicles_url{};  ///< GET, paged by limit and offset; answers {"vehicles":[...],"paging":{"count","offset"}}
  std::string vehicles_field = "vehicles";
  std::size_t page_size = 50;
};

/// How access is ended at the provider.
struct RevokeRule {
  std::string revocation_url{};  ///< RFC 7009; empty when there is none
  std::string
      vehicle_url{};  ///< "https://api.smartcar.com/v2.0/vehicles/{vehicle}/application": DELETE for each vehicle
};

struct ProviderProfile {
  std::string name;
  std::string authorize_url;
  std::string token_url;
  std::string app_token_url{};  ///< client-credentials endpoint of the v3 regime; empty when there is none
  ClientAuth client_auth = ClientAuth::basic;
  ClientAuth app_client_auth = ClientAuth::body;
  std::string user_agent = "Keyfob";  ///< the version is appended
  bool pkce = false;
  Rotation rotation = Rotation::required;
  Milliseconds access_ttl = seconds(7200);  ///< when the answer does not say
  Milliseconds app_token_ttl = seconds(3600);
  Milliseconds refresh_ttl = days(60);      ///< from issue; when the answer does not say
  Milliseconds reuse_window = seconds(60);  ///< W; 0: strict provider
  bool late_reuse = false;  ///< a use after W is not punished (no family revocation), so one more try is worth making
  std::vector<DeadGrantRule> dead_grant{};
  std::vector<std::string> configuration_errors = {"invalid_client", "unauthorized_client", "unsupported_grant_type"};
  std::vector<std::pair<std::string, std::string>> authorize_params{};  ///< fixed extra parameters of the consent URL
  std::string mode_param{};          ///< parameter that carries "live" or "simulated"; empty: not sent
  std::string reauthenticate_url{};  ///< where an owner renews a broken connection with the tokens kept; empty: none
  IdentityRule identity{};
  RevokeRule revoke{};
  std::vector<AttentionRule> attention{};
  std::vector<RouteRule> routes{};
};

}  // namespace keyfob
