#pragma once
// From the errors of the modules to the Failure of the public API.

#include <string_view>

#include <keyfob/result.hpp>
#include "base/result.hpp"
#include "ports/token_source.hpp"

namespace keyfob::library {

[[nodiscard]] Failure failure_of(const Error& error);
[[nodiscard]] Failure failure_of(const TokenFailure& failure);
/// A code of docs/reference/errors.md; `status` decides when the code is not known.
[[nodiscard]] Reason reason_of(std::string_view code, int status);

}  // namespace keyfob::library
