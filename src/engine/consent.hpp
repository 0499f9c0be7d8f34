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
  std::string external_id{};
  bool share_user = false;     ///< the provider may know your own id of the user (Smartcar: for its statistics)
  VehicleId reauthenticate{};  ///< renew the connection of this vehicle of the user: no code comes, the tokens stay
  bool confirm = false;        ///< the pair is nobody's until confirm(): a link sent to a stranger attaches nothing
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
  VehicleId vehicle{};  ///< of a re-authentication, which has no code
  /// What else the provider says about an error: vin, make, model, year, status_code, error_message.
  std::vector<std::pair<std::string, std::string>> details{};
};

struct CallbackResult {
  AppId app;
  UserId user;
  std::string return_to{};
  std::optional<Grant> grant{};  ///< empty: the owner or the provider refused
  std::string error{};           ///< OAuth error word, for the query of return_to
  std::string detail{};
  std::vector<std::pair<std::string, std::string>> details{};  ///< for the query of return_to, too
  bool unconfirmed = false;                                    ///< `grant` waits for confirm()
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
    GrantReader& reader;
    RefreshStore& refreshes;
    NodeIdentity node;
  };
  Consent(Ports ports, Milliseconds state_ttl, Milliseconds timeout);

  Task<Result<ConnectUrl>> start(ConnectRequest request);
  /// not_found: the state is unknown, used or expired, and nothing was exchanged.
  Task<Result<CallbackResult>> finish(CallbackRequest request);
  /// Finds out whose a provisional grant is (its access token must still be valid) and puts the pair where it belongs.
  Task<Result<Grant>> identify(GrantRecord record);

  /// The backend says that the browser that brought the consent of `state` back is this user's. not_found: no such
  /// consent waits, or it has waited too long.
  Task<Result<Grant>> confirm(AppId app, UserId user, std::string state);
  /// Nobody confirmed it in time: how it is to end. True: here only, since the owner has another grant of the same
  /// vehicles, or the provider refuses the pair. False: at the provider, too. Empty: not now.
  Task<std::optional<bool>> ends_locally(GrantRecord record);
  [[nodiscard]] bool may_wait(const Grant& grant) const { return ports_.clock.wall() < grant.created_at + state_ttl_; }
  Task<Result<void>> drop(GrantRef ref) { return ports_.grants.remove(std::move(ref)); }

 private:
  Result<std::string> url_for(const ConnectRequest& request, const ApplicationView& app, const ConsentState& state,
                              const std::string& state_text, const std::string& challenge) const;
  /// Back from re-authentication: the grant's pair is worth a try again.
  Task<Result<Grant>> reopen(ConsentState state, VehicleId vehicle);
  Task<void> leave_receipt(Bytes name, Grant grant);
  Task<Result<Grant>> confirmed_before(AppId app, UserId user, Bytes name);
  [[nodiscard]] NewGrant from_record(const Grant& grant, TokenPair pair) const;
  Result<std::string> add_verifier(ConsentState& state, const ApplicationView& app);
  Task<Result<Grant>> store(std::shared_ptr<const ApplicationView> app, NewGrant grant);
  Task<Result<Grant>> settle(std::shared_ptr<const ApplicationView> app, Grant provisional, AccessToken token);
  Task<Result<Grant>> hand_over(GrantRef provisional, Identity identity);
  Task<Result<Grant>> put_where_it_belongs(GrantRecord leased, const Identity* identity);
  Task<Result<std::optional<Grant>>> handed_over_to(Grant provisional);
  Task<Result<GrantRecord>> lease(GrantRecord record);
  Task<void> end_lease(GrantRecord record);
  Task<Result<Grant>> exchange(std::shared_ptr<const ApplicationView> app, ConsentState state, Secret code);

  Ports ports_;
  Milliseconds state_ttl_;
  Milliseconds timeout_;
};

}  // namespace keyfob::engine
