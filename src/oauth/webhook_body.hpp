#pragma once
// parse_webhook: what a Smartcar webhook says, of versions 2.0, 3.0 and 4.0 (docs/how-to/webhooks.md). Pure: bytes in,
// values out, whatever the bytes are. Nothing of it is trusted before the signature was checked.

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace keyfob::oauth {

/// Largest body that is looked at; the provider's own limit is 50 KB.
inline constexpr std::size_t kWebhookBytes = 256 * 1024;

/// The provider says that the owner has to connect his account anew, or that he has.
struct AccountError {
  std::string reason;     ///< "CONNECTED_SERVICES_ACCOUNT/AUTHENTICATION_FAILED": as the gateway names it, too
  bool resolved = false;  ///< state RESOLVED
};

struct WebhookBody {
  bool verify = false;      ///< asks for proof that we have the key
  std::string challenge{};  ///< of a VERIFY
  std::string event_id{};   ///< empty: the version has none for this kind
  std::string kind{};       ///< "VEHICLE_STATE", "VEHICLE_ERROR", "schedule", ...
  ProviderUserId provider_user{};
  VehicleId vehicle{};
  std::vector<AccountError> account_errors{};  ///< about this user and vehicle
};

/// invalid_argument: not a JSON object, too large or nested too deeply.
[[nodiscard]] Result<WebhookBody> parse_webhook(std::string_view body);

/// 1 to 256 characters out of A-Za-z0-9._~+/=:- : no JSON object can be written in those, so answering such a challenge
/// signs no event.
[[nodiscard]] bool good_challenge(std::string_view challenge);

}  // namespace keyfob::oauth
