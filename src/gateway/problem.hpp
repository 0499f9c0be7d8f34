#pragma once
// GatewayProblem: every error that the gateway itself answers with, and how (docs/reference/errors).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "http/message.hpp"
#include "ports/token_source.hpp"

namespace keyfob::gateway {

/// Names the code of an error to the caller, so that nobody mistakes it for the provider's.
inline constexpr std::string_view kErrorHeader = "Keyfob-Error";
/// Headers that begin so are between the caller and Keyfob: never forwarded, in either direction.
inline constexpr std::string_view kPrivatePrefix = "keyfob-";

enum class GatewayProblem : std::uint8_t {
  none,
  bad_request,
  user_required,
  unauthenticated,
  forbidden,
  no_route,
  unknown_grant,
  ambiguous_grant,
  too_large,
  needs_reauth,
  revoked,
  throttled,
  vehicle_throttled,
  internal,
  record_damaged,
  upstream_unreachable,
  provider_unavailable,
  application_suspended,
  refresh_refused,
  store_unavailable,
  timeout,
  upstream_timeout,
};

[[nodiscard]] std::string_view code_of(GatewayProblem problem);
[[nodiscard]] int status_of(GatewayProblem problem);
[[nodiscard]] GatewayProblem problem_of(TokenProblem problem);

/// What a problem's answer says beside its code.
struct ProblemDetails {
  std::string detail{};
  Milliseconds retry_after{};
  UserId user{};  ///< with `vehicles`: whom the problem is about, for those who may know
  std::vector<VehicleId> vehicles{};
};

/// `request_id`: by which the answer can be found in the log, if there is one.
/// application/problem+json with Keyfob-Error; 401 with WWW-Authenticate, 429 and 503 with Retry-After.
[[nodiscard]] http::Response to_response(GatewayProblem problem, const ProblemDetails& details,
                                         std::string_view request_id = {});
/// The same to another gateway that asked for a verdict: 401 when the caller is unknown, else 403, because nginx takes
/// any other status for a failure of its own. Code and header say what it really is.
[[nodiscard]] http::Response to_verdict(GatewayProblem problem, const ProblemDetails& details,
                                        std::string_view request_id = {});

}  // namespace keyfob::gateway
