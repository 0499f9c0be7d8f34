#pragma once
// What a token endpoint's answer means (docs/spec/refresh.md, "What each answer means"). The codec in oauth/ makes a
// TokenAnswer out of bytes with a provider profile's data; the refresh machine decides by `disposition` alone.

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "base/time.hpp"

namespace keyfob {

enum class Disposition : std::uint8_t {
  done,       ///< 200 with an access token and, where the profile wants one, a refresh token
  unsent,     ///< the request never left (DNS, refused, TLS handshake, deadline passed before the write): token unused
  unknown,    ///< the request may have reached the provider and no usable answer has come: 5xx, timeout, reset, garbage
  throttled,  ///< 429
  refused,    ///< a dead_grant answer
  suspicious,     ///< any other 400: like refused, never confirmed by itself alone
  configuration,  ///< 401, invalid_client, ...: the application's own credentials; no grant is touched
  transient,      ///< other 4xx, redirects, HTML error pages: back off
};

[[nodiscard]] std::string_view to_string(Disposition disposition);

/// A parsed answer of the token endpoint. Whatever tokens it holds are kept even when `disposition` is not `done`
/// (keep, then judge): a 200 that lacks an access token but holds a refresh token still carries the only copy.
struct TokenAnswer {
  Disposition disposition = Disposition::unknown;
  int status = 0;  ///< HTTP status, 0 when there was none
  std::optional<AccessToken> access{};
  std::optional<RefreshToken> refresh{};
  std::optional<Milliseconds> expires_in{};  ///< as the answer says; empty: the profile's
  std::optional<Milliseconds> refresh_expires_in{};
  std::string scope{};
  std::optional<Milliseconds> retry_after{};
  std::string error{};   ///< OAuth `error` or a short word of ours; redacted
  std::string detail{};  ///< redacted description for logs and operators
};

}  // namespace keyfob
