#pragma once
// Console: the pages at /console/ for the person on call, and the calls that those pages make.
//
//   GET    /console/           the page; its script and style beside it. Nobody is asked who they are: there is nothing
//                              in them
//   POST   /console/session    {"api_key"}: signs an admin in. GET: who is signed in. DELETE: signs out
//   GET    /console/api/history?minutes=N   figures of this node (history.hpp)
//   GET    /console/api/census   how many grants there are of each status, and by when they have to be renewed; null
//                              for admins of one application
//   *      /console/api/...    the calls of /v1/... that the pages need, and only those, as the session's caller.
//                              None of them answers with a token or an API key
//
// A session's API key is admitted anew with every request (sessions.hpp), so permissions, applications, expiry,
// disabled callers and failures are the Gatekeeper's business here as they are in /v1. Everything but the files wants
// the header of guard.hpp.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/api.hpp"
#include "console/sessions.hpp"
#include "http/message.hpp"
#include "ports/async.hpp"
#include "ports/audit.hpp"
#include "ports/clock.hpp"
#include "ports/gatekeeper.hpp"

namespace keyfob::console {

struct ConsoleOptions {
  SessionLimits sessions{};
  AuditLog* audit = nullptr;  ///< null: who signs in is not put on record
  bool listener_has_tls = false;
  /// JSON about all grants for the overview; empty: there is none.
  std::function<Task<Result<std::string>>()> census{};
};

/// Not for public_listen.
class Console {
 public:
  /// All three must outlive the Console and every request under way.
  Console(api::Api& api, Gatekeeper& gatekeeper, const Clock& clock, ConsoleOptions options);

  /// As Api::handle: any thread, never throws, completes on the awaiting executor.
  [[nodiscard]] Task<http::Response> handle(http::Request request);
  /// Takes a sample every minute until the Console is gone, which it may be before this. `clock`: the one to sleep by.
  [[nodiscard]] Task<void> take_samples(std::unique_ptr<Clock> clock);

  /// /console and everything below.
  [[nodiscard]] static bool serves(std::string_view path);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyfob::console
