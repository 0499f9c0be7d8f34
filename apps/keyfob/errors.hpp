#pragma once
// How an Error becomes an exit code and two lines on stderr, and how a problem document of the API becomes an Error.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"

namespace keyfob::cli {

enum class ExitCode : int { done = 0, failed = 1, usage = 2, not_found = 3, refused = 4 };

[[nodiscard]] ExitCode exit_code_for(ErrorCode code);

/// "keyfob: WHAT\nhint: WHAT TO DO\n"; always two lines, whatever the error holds.
[[nodiscard]] std::string describe(const Error& error);

/// The error that a response with a status of 400 or more stands for (RFC 9457 problem document, if it is one).
[[nodiscard]] Error error_from(const http::Response& response);

}  // namespace keyfob::cli
