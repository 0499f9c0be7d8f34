#include "oauth/smartcar_profile.hpp"

#include <string>
#include <vector>

namespace keyfob::oauth {
namespace {

constexpr const char* kApi = "https://api.smartcar.com";
constexpr const char* kManagement = "https://management.smartcar.com";
constexpr const char* kVehicleApi = "https://vehicle.api.smartcar.com";
constexpr const char* kManagementV3 = "https://management.api.smartcar.com";
constexpr const char* kCompatibilityV3 = "https://compatibility.api.smartcar.com";

/// v3 routes that only the application token opens exist only for applications that have v3 credentials.
RouteRule application_route(std::string match, const char* origin) {
  return {.match = std::move(match),
          .origin = origin,
          .credential = CredentialKind::application,
          .permission = "management",
          .when = "v3_credentials"};
}

std::vector<RouteRule> v2_routes() {
  const CredentialKind management = CredentialKind::management;
  const CredentialKind client = CredentialKind::client;
  return {
      {.match = "/v2.0/management/**",
       .origin = kManagement,
       .credential = management,
       .scheme = Scheme::basic,
       .permission = "management"},
      {.match = "/v2.0/compatibility/**", .origin = kApi, .credential = client, .scheme = Scheme::basic},
      // The one vehicle call that refuses the user's token: unsubscribing wants the management token.
      {.match = "/v2.0/vehicles/{vehicle}/webhooks/*", .origin = kApi, .credential = management, .methods = {"DELETE"}},
      {.match = "/v2.0/vehicles/{vehicle}/application",
       .origin = kApi,
       .methods = {"DELETE"},
       .permission = "grant:revoke"},
      {.match = "/v2.0/vehicles/{vehicle}/**", .origin = kApi},
      {.match = "/v2.0/vehicles", .origin = kApi, .needs_user = true},
      {.match = "/v2.0/user", .origin = kApi, .needs_user = true},
      {.match = "/v2.0/**", .origin = kApi, .needs_user = true},
  };
}

std::vector<RouteRule> v3_routes() {
  RouteRule disconnect = application_route("/v3/connections/*", kVehicleApi);
  disconnect.methods = {"DELETE"};
  disconnect.permission = "grant:revoke";
  RouteRule vehicle = application_route("/v3/vehicles/{vehicle}/**", kVehicleApi);
  vehicle.permission = "gateway";
  vehicle.inject = {{"sc-user-id", "{provider_user}"}};
  return {
      vehicle,
      {.match = "/v3/vehicles/{vehicle}/**", .origin = kVehicleApi, .when = "no_v3_credentials"},
      disconnect,
      application_route("/v3/connections/**", kVehicleApi),
      application_route("/v3/users/**", kVehicleApi),
      application_route("/v3/webhooks/**", kManagementV3),
      application_route("/v3/subscriptions/**", kManagementV3),
      application_route("/v3/compatible-vehicles", kCompatibilityV3),
      // The sample path of the provider's token guide, forwarded unchanged.
      {.match = "/v3.0/vehicles/{vehicle}/**", .origin = kVehicleApi},
  };
}

std::vector<RouteRule> routes() {
  std::vector<RouteRule> all = v2_routes();
  for (RouteRule& route : v3_routes()) all.push_back(std::move(route));
  return all;
}

}  // namespace

ProviderProfile smartcar_profile() {
  return {
      .name = "smartcar",
      .authorize_url = "https://connect.smartcar.com/oauth/authorize",
      .token_url = "https://auth.smartcar.com/oauth/token",
      .app_token_url = "https://iam.smartcar.com/oauth2/token",
      .client_auth = ClientAuth::basic,
      .app_client_auth = ClientAuth::body,
      .pkce = false,
      .rotation = Rotation::required,
      .access_ttl = seconds(7200),
      .app_token_ttl = seconds(3600),
      .refresh_ttl = days(60),
      .reuse_window = seconds(60),  // documented as one minute and as ten: the lower
      .late_reuse = true,
      .dead_grant = {{.error = "invalid_grant"},
                     {.status = 400, .error = "invalid_request", .description_prefix = "Invalid refresh_token"},
                     {.status = 400, .description_prefix = "Invalid or expired token"}},
      .mode_param = "mode",
      .reauthenticate_url = "https://connect.smartcar.com/oauth/reauthenticate",
      .identity = {.user_url = "https://api.smartcar.com/v2.0/user",
                   .vehicles_url = "https://api.smartcar.com/v2.0/vehicles"},
      .revoke = {.vehicle_url = "https://api.smartcar.com/v2.0/vehicles/{vehicle}/application"},
      .attention = {{.status = 400, .member = "resolution.type", .value = "REAUTHENTICATE"},
                    {.status = 403, .member = "resolution.type", .value = "REAUTHENTICATE"},
                    // As older answers have it.
                    {.status = 400, .member = "resolution", .value = "REAUTHENTICATE"},
                    {.status = 403, .member = "resolution", .value = "REAUTHENTICATE"}},
      .routes = routes(),
  };
}

}  // namespace keyfob::oauth
