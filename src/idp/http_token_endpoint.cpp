#include "idp/http_token_endpoint.hpp"

#include "core/limits.hpp"
#include "oauth/token_codec.hpp"

namespace keyfob::idp {
namespace {

TokenAnswer unsent(std::string error, std::string detail) {
  return {.disposition = Disposition::unsent, .error = std::move(error), .detail = std::move(detail)};
}

TokenAnswer failed(const http::ClientFailure& failure) {
  return {.disposition = failure.sent ? Disposition::unknown : Disposition::unsent,
          .error = std::string(to_string(failure.code)),
          .detail = failure.what};
}

http::ClientRequest client_request(oauth::EncodedRequest encoded) {
  http::ClientRequest out{.method = "POST", .origin = std::move(encoded.origin)};
  out.target = std::move(encoded.target);
  out.headers = std::move(encoded.headers);
  out.body = std::move(encoded.body);
  return out;
}

}  // namespace

HttpTokenEndpoint::HttpTokenEndpoint(std::shared_ptr<const oauth::ProfileTable> profiles, const http::Client& client,
                                     const Clock& clock)
    : profiles_(std::move(profiles)), client_(client), clock_(clock) {}

Task<TokenAnswer> HttpTokenEndpoint::exchange(TokenRequest request, ExchangeLimits limits) {
  const auto profiles = profiles_;
  const auto found = profiles->find(request.provider);
  if (found == profiles->end()) co_return unsent("unknown_provider", "no profile named " + request.provider);
  auto encoded = oauth::encode_request(found->second, request);
  if (!encoded) co_return unsent("no_endpoint", encoded.error().what);
  http::ClientRequest wire = client_request(*std::move(encoded));
  const http::ClientLimits wire_limits{
      .send_before = limits.send_before, .give_up_at = limits.give_up_at, .body_bytes = limits::kTokenAnswer};
  const http::ClientOutcome outcome = co_await client_.exchange(std::move(wire), wire_limits);
  if (!outcome) co_return failed(outcome.error());
  const oauth::RawAnswer raw{.status = outcome->status,
                             .content_type = find_header(outcome->headers, "content-type").value_or(""),
                             .retry_after = find_header(outcome->headers, "retry-after").value_or(""),
                             .body = outcome->body,
                             .cut = outcome->cut};
  co_return oauth::decode_answer(found->second, request, raw, clock_.wall());
}

}  // namespace keyfob::idp
