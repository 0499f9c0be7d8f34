#pragma once
// Gateway: the Service behind the private listener. Requests for the API go to the API's handler; all others are calls
// of the provider's API: match the route, admit the caller, find the grant's token, inject it, relay, and on a 401
// refresh once and replay once.

#include <expected>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/provider.hpp"
#include "http/server.hpp"
#include "ports/attention_sink.hpp"
#include "ports/audit.hpp"
#include "ports/clock.hpp"
#include "ports/credential_source.hpp"
#include "ports/event_sink.hpp"
#include "ports/gatekeeper.hpp"
#include "ports/request_log.hpp"
#include "ports/token_source.hpp"

namespace keyfob::gateway {

/// A way past the coroutines for requests of the API that can be answered at once. One server thread's.
class DirectAnswers {
 public:
  virtual ~DirectAnswers() = default;
  /// Whether answer() should be asked.
  [[nodiscard]] virtual bool wants(const http::RequestHead& request) const = 0;
  /// Responds and says true, or leaves the exchange alone and says false. Must not block. `caller` is who the
  /// connection remembers; it lives until this returns.
  [[nodiscard]] virtual bool answer(http::Exchange& exchange,
                                    std::expected<const Admission*, AccessProblem> caller) = 0;
};

/// All of these outlive the server.
struct GatewayPorts {
  Gatekeeper& gatekeeper;
  TokenSource& tokens;
  CredentialSource& credentials;
  const Clock& clock;
  Metrics* metrics = nullptr;
  AttentionSink* attention = nullptr;
  AuditLog* audit = nullptr;       ///< null: nothing is put on record
  RequestLog* requests = nullptr;  ///< null: no line is written
};

struct GatewayOptions {
  std::vector<ProviderProfile> profiles{};
  std::function<bool(std::string_view path)> is_api{};  ///< whether a path is the API's own; any thread
  http::Handler api{};
  /// Makes what is asked before `api`; once for each server thread. Empty: nothing is.
  std::function<std::unique_ptr<DirectAnswers>()> direct{};
  Milliseconds patience = seconds(30);  ///< how long a call waits for a refresh
  /// A vehicle's 429 with Retry-After is remembered and answered here until then.
  bool remember_retry_after = false;
};

/// Makes the Services of a server whose ServerConfig::private_prefixes holds kPrivatePrefix. invalid_argument: a
/// profile does not compile. Used connections remember their caller until the gatekeeper's revision moves.
[[nodiscard]] Result<http::ServiceFactory> make_gateway(GatewayPorts ports, GatewayOptions options);

}  // namespace keyfob::gateway
