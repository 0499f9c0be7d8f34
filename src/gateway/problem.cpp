#include "gateway/problem.hpp"

#include <array>

#include "http/problem.hpp"
#include "http/request_id.hpp"

namespace keyfob::gateway {
namespace {

struct Row {
  std::string_view code;
  int status;
  std::string_view detail;
};

constexpr std::array<Row, 22> kRows = {{
    {"internal", 500, "a bug of ours"},
    {"bad_request", 400, "the request is not strict HTTP/1.1 with a plain path"},
    {"user_required", 400, "this route needs a user: name one in Keyfob-User"},
    {"unauthenticated", 401, "the caller is unknown: send Authorization: Bearer <API key>"},
    {"forbidden", 403, "the caller may not do this"},
    {"no_route", 404, "no route of the application's provider matches"},
    {"unknown_grant", 404, "no grant for this vehicle or user"},
    {"ambiguous_grant", 409, "several users' grants fit: name one in Keyfob-User"},
    {"too_large", 413, "the body is too large"},
    {"needs_reauth", 424, "the owner must consent again"},
    {"revoked", 424, "the grant was revoked"},
    {"throttled", 429, "too many attempts"},
    {"vehicle_throttled", 429, "the provider asked not to be called for this vehicle for a while"},
    {"internal", 500, "a bug of ours"},
    {"record_damaged", 500, "the sealed record does not verify; it is left as it is"},
    {"upstream_unreachable", 502, "the provider's API did not answer"},
    {"provider_unavailable", 503, "the provider cannot refresh the token at the moment"},
    {"application_suspended", 503, "the provider refuses the application's own credentials"},
    {"refresh_refused", 503, "the provider refused the refresh once; it is being confirmed"},
    {"store_unavailable", 503, "the store cannot be reached"},
    {"timeout", 504, "no answer in time"},
    {"upstream_timeout", 504, "the provider's API did not answer in time"},
}};

const Row& row_of(GatewayProblem problem) { return kRows.at(static_cast<std::size_t>(problem)); }

constexpr Milliseconds kRetryAfter = seconds(5);

}  // namespace

std::string_view code_of(GatewayProblem problem) { return row_of(problem).code; }
int status_of(GatewayProblem problem) { return row_of(problem).status; }

GatewayProblem problem_of(TokenProblem problem) {
  switch (problem) {
    case TokenProblem::unknown_grant: return GatewayProblem::unknown_grant;
    case TokenProblem::ambiguous_grant: return GatewayProblem::ambiguous_grant;
    case TokenProblem::needs_reauth: return GatewayProblem::needs_reauth;
    case TokenProblem::revoked: return GatewayProblem::revoked;
    case TokenProblem::refresh_refused: return GatewayProblem::refresh_refused;
    case TokenProblem::provider_unavailable: return GatewayProblem::provider_unavailable;
    case TokenProblem::application_suspended: return GatewayProblem::application_suspended;
    case TokenProblem::record_damaged: return GatewayProblem::record_damaged;
    case TokenProblem::store_unavailable: return GatewayProblem::store_unavailable;
  }
  return GatewayProblem::internal;
}

namespace {

http::Response answer_with(int status, GatewayProblem problem, const ProblemDetails& details,
                           std::string_view request_id) {
  const Row& row = row_of(problem);
  http::Problem out{.status = status, .code = row.code, .detail = details.detail};
  if (out.detail.empty()) out.detail = row.detail;
  if (row.status == 429 || row.status == 503) {
    out.retry_after = details.retry_after.count() > 0 ? details.retry_after : kRetryAfter;
  }
  out.members.emplace_back("type", http::json_string("urn:keyfob:problem:" + std::string(row.code)));
  if (!request_id.empty()) out.members.emplace_back("request_id", http::json_string(request_id));
  if (!details.user.empty()) out.members.emplace_back("user", http::json_string(details.user.view()));
  if (!details.vehicles.empty()) {
    std::vector<std::string_view> vehicles;
    for (const VehicleId& vehicle : details.vehicles) vehicles.push_back(vehicle.view());
    out.members.emplace_back("vehicles", http::json_strings(vehicles));
  }
  http::Response response = http::problem_response(out, kErrorHeader);
  if (!request_id.empty()) response.headers.push_back({std::string(http::kRequestIdHeader), std::string(request_id)});
  if (row.status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"keyfob\""});
  return response;
}

}  // namespace

http::Response to_response(GatewayProblem problem, const ProblemDetails& details, std::string_view request_id) {
  return answer_with(status_of(problem), problem, details, request_id);
}

http::Response to_verdict(GatewayProblem problem, const ProblemDetails& details, std::string_view request_id) {
  return answer_with(status_of(problem) == 401 ? 401 : 403, problem, details, request_id);
}

}  // namespace keyfob::gateway
