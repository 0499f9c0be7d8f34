#pragma once
// Problem: an answer that is an error (RFC 9457), and the one place that says which code and status each failure has.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"
#include "ports/gatekeeper.hpp"
#include "ports/token_source.hpp"

namespace keyfob::api {

/// The grant that a failure is about, for those who may see it.
struct Affected {
  GrantRef ref;
  UserId user;
  std::vector<VehicleId> vehicles;
};

struct Problem {
  int status = 500;
  std::string code;    ///< stable; also the value of the header Keyfob-Error
  std::string detail;  ///< one line what
  std::string hint{};  ///< one line what to do
  Milliseconds retry_after{};
  std::optional<Affected> affected{};
  std::vector<http::Header> headers{};
  std::string request_id{};  ///< of the request that it answers
};

/// A problem by its code, with the code's status. An unknown code is a 500.
[[nodiscard]] Problem problem(std::string_view code, std::string detail, std::string hint = {});

/// `not_found` is the code that ErrorCode::not_found becomes: what is missing depends on the call.
[[nodiscard]] Problem problem_of(const Error& error, std::string_view not_found = "not_found");
[[nodiscard]] Problem problem_of(const TokenFailure& failure);
/// Why a caller is not admitted, with WWW-Authenticate.
[[nodiscard]] Problem problem_of(AccessProblem refusal);

/// application/problem+json with Keyfob-Error, Retry-After (whole seconds, rounded up) and Cache-Control: no-store.
[[nodiscard]] http::Response to_response(const Problem& problem);

}  // namespace keyfob::api
