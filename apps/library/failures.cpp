#include "apps/library/failures.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace keyfob {

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::invalid_argument: return "invalid_argument";
    case Reason::not_found: return "not_found";
    case Reason::conflict: return "conflict";
    case Reason::ambiguous: return "ambiguous";
    case Reason::unauthenticated: return "unauthenticated";
    case Reason::forbidden: return "forbidden";
    case Reason::needs_consent: return "needs_consent";
    case Reason::revoked: return "revoked";
    case Reason::refused: return "refused";
    case Reason::suspended: return "suspended";
    case Reason::unavailable: return "unavailable";
    case Reason::timeout: return "timeout";
    case Reason::damaged: return "damaged";
    case Reason::unsafe: return "unsafe";
    case Reason::limit: return "limit";
    case Reason::internal: return "internal";
  }
  return "internal";
}

namespace library {
namespace {

Reason reason_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return Reason::invalid_argument;
    case ErrorCode::not_found: return Reason::not_found;
    case ErrorCode::conflict: return Reason::conflict;
    case ErrorCode::unauthenticated: return Reason::unauthenticated;
    case ErrorCode::forbidden: return Reason::forbidden;
    case ErrorCode::refused: return Reason::refused;
    case ErrorCode::unavailable: return Reason::unavailable;
    case ErrorCode::timeout: return Reason::timeout;
    case ErrorCode::damaged: return Reason::damaged;
    case ErrorCode::limit: return Reason::limit;
    case ErrorCode::cancelled: return Reason::timeout;
    case ErrorCode::unsafe: return Reason::unsafe;
    case ErrorCode::internal: return Reason::internal;
  }
  return Reason::internal;
}

struct Meaning {
  Reason reason;
  std::string_view what;
};

Meaning meaning_of(TokenProblem problem) {
  switch (problem) {
    case TokenProblem::unknown_grant: return {Reason::not_found, "no grant of this user or vehicle"};
    case TokenProblem::ambiguous_grant: return {Reason::ambiguous, "several users' grants fit: name the user, too"};
    case TokenProblem::needs_reauth: return {Reason::needs_consent, "the owner must connect again"};
    case TokenProblem::revoked: return {Reason::revoked, "the grant was revoked"};
    case TokenProblem::refresh_refused: return {Reason::refused, "the provider refused once and is asked again"};
    case TokenProblem::provider_unavailable: return {Reason::unavailable, "the provider cannot be reached"};
    case TokenProblem::application_suspended: return {Reason::suspended, "the application's credentials are refused"};
    case TokenProblem::record_damaged: return {Reason::damaged, "the stored record does not verify"};
    case TokenProblem::store_unavailable: return {Reason::unavailable, "the store cannot be reached"};
  }
  return {Reason::internal, "unknown"};
}

}  // namespace

Failure failure_of(const Error& error) {
  Failure out{.reason = reason_of(error.code), .what = error.what, .hint = error.hint};
  if (!error.peer_text.empty()) out.what += ": " + error.peer_text;
  return out;
}

Failure failure_of(const TokenFailure& failure) {
  const Meaning meaning = meaning_of(failure.problem);
  Failure out{.reason = meaning.reason, .what = std::string(meaning.what)};
  if (!failure.detail.empty()) out.what += ": " + failure.detail;
  out.retry_after = std::chrono::ceil<std::chrono::seconds>(failure.retry_after);
  out.grant = failure.ref.grant.str();
  out.user = failure.user.str();
  return out;
}

Reason reason_of(std::string_view code, int status) {
  struct Row {
    std::string_view code;
    Reason reason;
  };
  constexpr std::array kRows = {
      Row{"unknown_grant", Reason::not_found},    Row{"ambiguous_grant", Reason::ambiguous},
      Row{"needs_reauth", Reason::needs_consent}, Row{"revoked", Reason::revoked},
      Row{"refresh_refused", Reason::refused},    Row{"application_suspended", Reason::suspended},
      Row{"record_damaged", Reason::damaged}};
  const auto found = std::ranges::find(kRows, code, &Row::code);
  if (found != kRows.end()) return found->reason;
  switch (status) {
    case 400: return Reason::invalid_argument;
    case 401: return Reason::unauthenticated;
    case 403: return Reason::forbidden;
    case 404: return Reason::not_found;
    case 409: return Reason::conflict;
    case 429:
    case 502:
    case 503: return Reason::unavailable;
    case 504: return Reason::timeout;
    default: return Reason::internal;
  }
}

}  // namespace library
}  // namespace keyfob
