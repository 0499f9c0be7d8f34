#pragma once
/// @file
/// What every function of the library answers: a value, or a Failure that says what to do next. No function throws but
/// for lack of memory and for wrong use that is documented as such.

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace keyfob {

/// What went wrong, by what helps against it.
enum class Reason : std::uint8_t {
  invalid_argument,  ///< what was passed is wrong; `what` names it
  not_found,         ///< no such grant, application, file or state
  conflict,          ///< it exists already, is in use by another process, or somebody else was faster
  ambiguous,         ///< several users' grants fit: name the user, too
  unauthenticated,   ///< the API key is unknown
  forbidden,         ///< the API key may not do this
  needs_consent,     ///< the owner must connect again; nothing else helps
  revoked,           ///< the grant was revoked by you or the owner
  refused,           ///< the provider refused once and is asked again; try after `retry_after`
  suspended,         ///< the application's own client id or secret is refused by the provider
  unavailable,       ///< provider, store or daemon cannot be reached; try after `retry_after`
  timeout,           ///< no answer in time; whether it took effect is not known
  damaged,           ///< stored bytes do not verify, or the master key is another one; nothing was changed
  unsafe,            ///< a file mode or a setting that would expose secrets
  limit,             ///< a documented limit was exceeded
  internal,          ///< a bug of Keyfob
};

/// "needs_consent", ...: stable words for logs and metrics.
[[nodiscard]] std::string_view to_string(Reason reason);

/// Holds no secret: it may be logged.
struct Failure {
  Reason reason = Reason::internal;
  std::string what{};                  ///< one line
  std::string hint{};                  ///< what to do; may be empty
  std::chrono::seconds retry_after{};  ///< 0: not said
  std::string grant{};                 ///< which grant, when one was found
  std::string user{};                  ///< whose
};

template <class T>
using Expected = std::expected<T, Failure>;

}  // namespace keyfob
