#pragma once
// Result and Error: how every fallible function of Keyfob answers. No exception crosses a module.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace keyfob {

/// The small closed set of what can go wrong. Outage, corruption and refusal never share a code.
enum class ErrorCode : std::uint8_t {
  invalid_argument,  ///< the input is wrong; the caller can mend it
  not_found,         ///< the thing named does not exist
  conflict,          ///< it exists already, or somebody else changed it first
  unauthenticated,   ///< the caller is unknown
  forbidden,         ///< the caller is known and may not do this
  refused,           ///< the provider refused
  unavailable,       ///< an outage: store, provider or key provider cannot be reached; trying again may help
  timeout,           ///< no answer in time; whether it took effect is not known
  damaged,           ///< stored bytes do not verify; never retried, never repaired silently
  limit,             ///< a documented limit was exceeded
  cancelled,         ///< the operation was cancelled by its owner
  unsafe,            ///< a file mode or a setting that would expose secrets
  internal,          ///< a bug of ours
};

[[nodiscard]] std::string_view to_string(ErrorCode code);

/// An error: one line what, one line what to do. `peer_text` is what a peer sent, already redacted, and kept apart from
/// our own words because it is not to be trusted.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;
  std::string hint{};
  std::string peer_text{};
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string what, std::string hint = {}) {
  return std::unexpected<Error>(Error{code, std::move(what), std::move(hint), {}});
}

[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

}  // namespace keyfob
