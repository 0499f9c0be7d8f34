#pragma once
// HttpTokenEndpoint: TokenEndpoint over http with the codec of oauth. One POST per call, never retried here.

#include <memory>
#include <string>

#include "http/client.hpp"
#include "oauth/profiles.hpp"
#include "ports/clock.hpp"
#include "ports/token_endpoint.hpp"

namespace keyfob::idp {

/// Any thread whose executor the Client accepts. `client` and `clock` must outlive it and its exchanges. A provider
/// without a profile, or a profile without an endpoint for the grant, answers `unsent`.
class HttpTokenEndpoint final : public TokenEndpoint {
 public:
  HttpTokenEndpoint(std::shared_ptr<const oauth::ProfileTable> profiles, const http::Client& client,
                    const Clock& clock);

  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override;

 private:
  std::shared_ptr<const oauth::ProfileTable> profiles_;
  const http::Client& client_;
  const Clock& clock_;
};

}  // namespace keyfob::idp
