#pragma once
// ConnectionList: what a provider says about all owners and vehicles of one application. Implemented by idp/ over http.

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "core/connection.hpp"
#include "core/provider.hpp"
#include "ports/async.hpp"

namespace keyfob {

struct ConnectionsQuery {
  std::string provider;
  CredentialKind credential =
      CredentialKind::management;  ///< or application: another list of the same, paged otherwise
  Secret authorization;            ///< the whole header value, of that kind
  ProviderUserId provider_user{};  ///< empty: of everybody
  VehicleId vehicle{};             ///< empty: every vehicle
  std::string cursor{};            ///< from the page before
};

/// One connection to end, as the application's list (CredentialKind::application) names it.
struct Disconnection {
  std::string provider;
  Secret authorization;  ///< the whole header value of the application's token
  std::string id;
};

class ConnectionList {
 public:
  virtual ~ConnectionList() = default;
  /// One page, newest first. An answer that is not wholly understood is `unavailable`, never an empty page. refused:
  /// the credential is not accepted. not_found: this provider has no such list. invalid_argument: no such provider.
  virtual Task<Result<ConnectionPage>> connections(ConnectionsQuery query) = 0;
  /// Ends one for good. One that is not there any more counts as ended. refused: the credential is not accepted.
  virtual Task<Result<void>> disconnect(Disconnection what) = 0;
};

}  // namespace keyfob
