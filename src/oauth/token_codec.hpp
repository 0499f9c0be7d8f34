#pragma once
// TokenCodec: the language of a token endpoint (RFC 6749, RFC 7009). Bytes in, values out; no I/O. Any thread.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/wiped_string.hpp"
#include "core/answer.hpp"
#include "core/provider.hpp"
#include "core/token_request.hpp"

namespace keyfob::oauth {

/// A POST ready for the wire. Everything that can hold a secret is wiped when it goes.
struct EncodedRequest {
  std::string origin;                                          ///< "https://auth.smartcar.com"
  WipedString target;                                          ///< path and query; holds secrets with ClientAuth::query
  std::vector<std::pair<std::string, WipedString>> headers{};  ///< all but Host
  WipedString body = wiped_string();
};

/// The User-Agent of every request to this provider: the profile's word and our version.
[[nodiscard]] std::string user_agent(const ProviderProfile& profile);

/// The request in the profile's way of client authentication: `basic` (RFC 6749 section 2.3.1, id and secret
/// form-encoded first), `body`, or `query` (client_id, client_secret and the grant's parameters in the URL, form
/// content type, empty body: the exact form of Smartcar's token guide). Client credentials go to app_token_url in
/// app_client_auth's way. A client without a secret (RFC 6749 section 2.1, public) sends its client_id only.
/// invalid_argument: the profile has no usable URL for this grant.
[[nodiscard]] Result<EncodedRequest> encode_request(const ProviderProfile& profile, const TokenRequest& request);

/// RFC 7009 section 2.1, for the refresh token.
struct RevocationRequest {
  std::string client_id;
  ClientSecret client_secret;
  RefreshToken token;
};
[[nodiscard]] Result<EncodedRequest> encode_revocation(const ProviderProfile& profile,
                                                       const RevocationRequest& request);

/// What came back, as bytes. Views must live during decode_answer only.
struct RawAnswer {
  int status = 0;
  std::string_view content_type{};
  std::string_view retry_after{};  ///< value of Retry-After: seconds or an HTTP date
  std::string_view body{};
  bool cut = false;  ///< the body was longer than limits::kTokenAnswer, or the connection broke before its end
};

/// What the answer means (docs/spec/refresh.md, "What each answer means"). Lenient about form: expires_in may be a
/// numeric string, unknown fields, a BOM and white space are ignored. Keeps, then judges: tokens of a 2xx answer are
/// returned whatever the disposition is, and complete token strings are saved out of a body that was cut short.
/// `error` and `detail` hold no secret of the request or of the answer (see redact()), no control bytes, and at most
/// 300 bytes each. Retry-After is bounded to one hour.
[[nodiscard]] TokenAnswer decode_answer(const ProviderProfile& profile, const TokenRequest& request,
                                        const RawAnswer& answer, WallTime now);

/// Retry-After (RFC 9110 section 10.2.3) as a delay from `now`: seconds or an IMF-fixdate; bounded to 0 ... 1 hour.
[[nodiscard]] std::optional<Milliseconds> parse_retry_after(std::string_view value, WallTime now);

}  // namespace keyfob::oauth
