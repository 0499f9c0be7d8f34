#pragma once
// Consent: the plain authorization-code flow (RFC 6749 section 4.1, RFC 7636): consent URL with a single-use state,
// callback, pair stored before anything else can fail, then user and vehicles fetched and tied to the grant.

#include <string>

#include "base/result.hpp"
#include "engine/directory.hpp"
#include "engine/grants.hpp"
#include "ports/token_endpoint.hpp"

namespace keyfob::engine {

struct ConnectRequest {
  AppId app;
  UserId user;
  std::string return_to{};           ///< must be one of the application's; empty: the callback shows a plain page
  std::vector<std::string> scope{};  ///< empty: the application's
  std::string make{};
  bool single_select = false;
  std::string single_select_vin{};
  std::string flags{};
  bool force = false;  ///< approval_prompt=force
};

struct ConnectUrl {
  std::string url;
  std::string state;
  Milliseconds expires_in{};
};

struct CallbackRequest {
  std::string code{};  ///< secret until exchanged
  std::string state{};
  std::string error{};
  std::string error_description{};
};

struct CallbackResult {
  AppId app;
  UserId user;
  std::string return_to{};
  std::optional<Grant> grant{};  ///< empty: the owner or the provider refused
  std::string error{};           ///< OAuth error word, for the query of return_to
  std::string detail{};
};

/// Engine executor only.
class Consent {
 public:
  struct Ports {
    ConsentStore& states;
    TokenEndpoint& endpoint;
    ProviderApi& provider;
    Clock& clock;
    Random& random;
    Directory& directory;
    Grants& grants;
  };
  Consent(Ports ports, Milliseconds state_ttl, Milliseconds timeout);

  Task<Result<ConnectUrl>> start(ConnectRequest request);
  /// not_found: the state is unknown, used or expired, and nothing was exchanged.
  Task<Result<CallbackResult>> finish(CallbackRequest request);
  /// Finds out whose a provisional grant is (its access token must still be valid) and puts the pair where it belongs.
  Task<Result<Grant>> identify(GrantRecord record);

 private:
  Result<std::string> add_verifier(ConsentState& state, const ApplicationView& app);
  Task<Result<Grant>> store(std::shared_ptr<const ApplicationView> app, NewGrant grant);
  Task<Result<Grant>> settle(std::shared_ptr<const ApplicationView> app, Grant provisional, NewGrant grant);
  Task<Result<Grant>> exchange(std::shared_ptr<const ApplicationView> app, ConsentState state, Secret code);

  Ports ports_;
  Milliseconds state_ttl_;
  Milliseconds timeout_;
};

}  // namespace keyfob::engine
