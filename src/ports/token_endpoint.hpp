#pragma once
// TokenEndpoint and ProviderApi: what the engine needs from a provider. Implemented by idp/ over http.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/answer.hpp"
#include "core/application.hpp"
#include "core/grant.hpp"
#include "core/provider.hpp"
#include "core/token_request.hpp"
#include "ports/async.hpp"

namespace keyfob {

struct ExchangeLimits {
  BootTime send_before;  ///< checked again right before the first byte is written; after it the answer is `unsent`
  BootTime give_up_at;   ///< reading goes on until then
};

class TokenEndpoint {
 public:
  virtual ~TokenEndpoint() = default;
  /// One POST, never retried, redirects never followed. Always answers: what went wrong is in the disposition.
  /// Cancellation closes the connection; the answer is then `unsent` or `unknown`.
  virtual Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) = 0;
};

struct Identity {
  ProviderUserId provider_user;
  std::vector<VehicleId> vehicles;
};

class ProviderApi {
 public:
  virtual ~ProviderApi() = default;
  /// Who a token belongs to and which vehicles it opens (profile.identity). Vehicles are fetched page by page.
  virtual Task<Result<Identity>> identity(std::string provider, AccessToken token) = 0;
  struct Revocation {
    std::string provider;
    std::string client_id;
    ClientSecret client_secret;
    TokenPair pair;
    std::vector<VehicleId> vehicles;
  };
  /// Ends access at the provider (profile.revoke). Idempotent: what is gone already counts as done. `refused` with
  /// status 401 in `what` starting "401": the access token is not accepted (refresh it and try again).
  virtual Task<Result<void>> revoke(Revocation request) = 0;
};

}  // namespace keyfob
