#include "api/problem.hpp"

#include <algorithm>
#include <array>

#include "http/problem.hpp"

namespace keyfob::api {
namespace {

struct CodeRow {
  std::string_view code;
  int status;
};

constexpr std::array<CodeRow, 28> kCodes = {{
    {"bad_request", 400},
    {"user_required", 400},
    {"limit_exceeded", 400},
    {"unknown_state", 400},
    {"unauthenticated", 401},
    {"forbidden", 403},
    {"not_found", 404},
    {"unknown_grant", 404},
    {"unknown_app", 404},
    {"unknown_caller", 404},
    {"no_route", 404},
    {"method_not_allowed", 405},
    {"ambiguous_grant", 409},
    {"conflict", 409},
    {"too_large", 413},
    {"needs_reauth", 424},
    {"revoked", 424},
    {"throttled", 429},
    {"internal", 500},
    {"record_damaged", 500},
    {"provider_refused", 502},
    {"provider_unavailable", 503},
    {"application_suspended", 503},
    {"refresh_refused", 503},
    {"store_unavailable", 503},
    {"unavailable", 503},
    {"starting", 503},
    {"timeout", 504},
}};

const CodeRow& row_of(std::string_view code) {
  const auto found = std::ranges::find(kCodes, code, &CodeRow::code);
  return found != kCodes.end() ? *found : row_of("internal");
}

std::string_view code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "bad_request";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::unauthenticated: return "unauthenticated";
    case ErrorCode::forbidden: return "forbidden";
    case ErrorCode::refused: return "provider_refused";
    case ErrorCode::unavailable:
    case ErrorCode::cancelled: return "unavailable";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::damaged: return "record_damaged";
    case ErrorCode::limit: return "limit_exceeded";
    case ErrorCode::unsafe: return "bad_request";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

struct TokenRow {
  std::string_view code;
  std::string_view detail;
  std::string_view hint;
};

TokenRow row_of(TokenProblem problem) {
  switch (problem) {
    case TokenProblem::unknown_grant:
      return {"unknown_grant", "no grant fits this user and vehicle",
              "import the grant or send the owner through consent"};
    case TokenProblem::ambiguous_grant:
      return {"ambiguous_grant", "the grants of several users fit", "name the user as well"};
    case TokenProblem::needs_reauth:
      return {"needs_reauth", "the provider no longer accepts this grant", "send the owner through consent again"};
    case TokenProblem::revoked:
      return {"revoked", "this grant was revoked", "send the owner through consent if it is wanted again"};
    case TokenProblem::refresh_refused:
      return {"refresh_refused", "the provider refused the refresh once; it is being confirmed", "try again later"};
    case TokenProblem::provider_unavailable:
      return {"provider_unavailable", "the provider does not refresh tokens for now", "try again later"};
    case TokenProblem::application_suspended:
      return {"application_suspended", "the provider refuses the application's own credentials",
              "set the right client secret: keyfob app set NAME --client-secret"};
    case TokenProblem::record_damaged:
      return {"record_damaged", "the stored record of this grant does not verify; it was left as it is",
              "restore it from a backup, or send the owner through consent again"};
    case TokenProblem::store_unavailable:
      return {"store_unavailable", "the store cannot be reached", "try again later"};
  }
  return {"internal", "unknown failure", ""};
}

std::vector<std::pair<std::string, std::string>> members_of(const Problem& problem) {
  std::vector<std::pair<std::string, std::string>> members;
  members.emplace_back("type", http::json_string("urn:keyfob:problem:" + problem.code));
  if (!problem.hint.empty()) members.emplace_back("hint", http::json_string(problem.hint));
  if (!problem.request_id.empty()) members.emplace_back("request_id", http::json_string(problem.request_id));
  if (!problem.affected) return members;
  std::vector<std::string_view> vehicles;
  for (const VehicleId& vehicle : problem.affected->vehicles) vehicles.push_back(vehicle.view());
  members.emplace_back("grant", http::json_string(problem.affected->ref.grant.view()));
  members.emplace_back("user", http::json_string(problem.affected->user.view()));
  members.emplace_back("vehicles", http::json_strings(vehicles));
  return members;
}

}  // namespace

Problem problem(std::string_view code, std::string detail, std::string hint) {
  const CodeRow& row = row_of(code);
  return {.status = row.status, .code = std::string(row.code), .detail = std::move(detail), .hint = std::move(hint)};
}

Problem problem_of(const Error& error, std::string_view not_found) {
  const std::string_view code = error.code == ErrorCode::not_found ? not_found : code_of(error.code);
  Problem out = problem(code, error.what, error.hint);
  if (out.status == 503) out.retry_after = seconds(1);
  return out;
}

Problem problem_of(const TokenFailure& failure) {
  const TokenRow row = row_of(failure.problem);
  Problem out = problem(row.code, std::string(row.detail), std::string(row.hint));
  if (!failure.detail.empty()) out.detail += ": " + failure.detail;
  if (out.status == 503) out.retry_after = std::max<Milliseconds>(failure.retry_after, seconds(1));
  if (!failure.ref.grant.empty()) out.affected = Affected{failure.ref, failure.user, failure.vehicles};
  return out;
}

Problem problem_of(AccessProblem refusal) {
  Problem out = problem("unauthenticated", "the caller is unknown", "send Authorization: Bearer <API key>");
  if (refusal == AccessProblem::throttled) out = problem("throttled", "too many failed attempts");
  out.headers.push_back({"WWW-Authenticate", "Bearer realm=\"keyfob\""});
  return out;
}

http::Response to_response(const Problem& problem) {
  const http::Problem document{.status = problem.status,
                               .code = problem.code,
                               .detail = problem.detail,
                               .retry_after = problem.retry_after,
                               .members = members_of(problem)};
  http::Response response = http::problem_response(document, "Keyfob-Error");
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.insert(response.headers.end(), problem.headers.begin(), problem.headers.end());
  return response;
}

}  // namespace keyfob::api
