#pragma once
// HttpProviderApi: ProviderApi over http: whose token it is, which vehicles it opens, and ending its access.

#include <memory>
#include <string>
#include <vector>

#include "http/client.hpp"
#include "oauth/profiles.hpp"
#include "ports/clock.hpp"
#include "ports/token_endpoint.hpp"

namespace keyfob::idp {

/// Any thread whose executor the Client accepts. `client` and `clock` must outlive it and its calls.
///
/// Errors: `refused` with `what` starting with the status when the provider says no ("401 ..." when the access token is
/// not accepted), `unavailable` for outages, 429 and answers that make no sense, `timeout`, `limit` for more vehicles
/// than a grant may have, `invalid_argument` for an unknown provider.
class HttpProviderApi final : public ProviderApi {
 public:
  /// `timeout` is for each request.
  HttpProviderApi(std::shared_ptr<const oauth::ProfileTable> profiles, const http::Client& client, const Clock& clock,
                  Milliseconds timeout = seconds(30));

  /// A profile without user_url or vehicles_url leaves that part empty.
  Task<Result<Identity>> identity(std::string provider, AccessToken token) override;

  /// DELETE for each vehicle where the profile has a vehicle_url (a grant with no known vehicles is asked for them
  /// first), RFC 7009 where it has a revocation_url, both where it has both. A profile with neither can end nothing at
  /// the provider: done at once. 403, 404 and 410 to a DELETE mean that the access is gone already.
  Task<Result<void>> revoke(Revocation request) override;

 private:
  struct Call;
  [[nodiscard]] const ProviderProfile* profile(const std::string& name) const;
  Task<http::ClientOutcome> call(const ProviderProfile* profile, Call call);
  Task<Result<std::vector<VehicleId>>> vehicles(const ProviderProfile* profile, AccessToken token);
  Task<Result<void>> revoke_vehicles(const ProviderProfile* profile, AccessToken token,
                                     std::vector<VehicleId> vehicles);
  Task<Result<void>> revoke_token(const ProviderProfile* profile, Revocation request);
  [[nodiscard]] http::ClientLimits limits() const;

  std::shared_ptr<const oauth::ProfileTable> profiles_;
  const http::Client& client_;
  const Clock& clock_;
  Milliseconds timeout_;
};

}  // namespace keyfob::idp
