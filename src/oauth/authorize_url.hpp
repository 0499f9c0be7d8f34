#pragma once
// Consent URLs: where a vehicle owner's browser is sent (RFC 6749 section 4.1.1, RFC 7636 section 4.3, and Smartcar
// Connect's parameters). Pure.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/application.hpp"
#include "core/provider.hpp"

namespace keyfob::oauth {

/// Empty fields are not sent.
struct ConsentUrlRequest {
  std::string client_id;
  std::string redirect_uri{};
  std::string state;
  std::vector<std::string> scopes{};
  Mode mode = Mode::live;        ///< sent where the profile has a mode_param
  std::string code_challenge{};  ///< S256; required where the profile says pkce
  std::string make{};            ///< "TESLA": skips the choice of brand
  bool single_select = false;
  std::string single_select_vin{};  ///< 17 characters; implies single_select
  std::string flags{};              ///< "country:DE color:00819D"
  std::string user{};               ///< the backend's own id, for the provider's analytics
  std::string external_id{};
  bool force = false;  ///< approval_prompt=force
};

/// invalid_argument: no authorize_url, no client id, no state, a VIN that is not one, PKCE demanded and no challenge.
[[nodiscard]] Result<std::string> consent_url(const ProviderProfile& profile, const ConsentUrlRequest& request);

/// Where an owner renews a broken connection of one vehicle; no code comes back, the existing tokens work again.
struct ReauthenticateUrlRequest {
  std::string client_id;
  VehicleId vehicle;
  std::string redirect_uri;
  std::string state{};
  std::string user{};
};

/// not_found: the provider has no such page.
[[nodiscard]] Result<std::string> reauthenticate_url(const ProviderProfile& profile,
                                                     const ReauthenticateUrlRequest& request);

}  // namespace keyfob::oauth
