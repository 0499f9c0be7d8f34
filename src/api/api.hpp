#pragma once
// Api: the HTTP API of docs/reference/http.md as one object: a request in, a response out. It does not know whether the
// request came over TCP, over the admin socket or from the command line inside the same process.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "http/message.hpp"
#include "ports/async.hpp"
#include "ports/audit.hpp"
#include "ports/clock.hpp"
#include "ports/gatekeeper.hpp"
#include "ports/request_log.hpp"

namespace keyfob::engine {
class Engine;
}

namespace keyfob::api {

class DirectToken;

/// What `keys rewrap` did.
struct Rewrapped {
  std::size_t keys = 0;
  std::string fingerprint;
  bool created = false;  ///< the master key's file was not there before
};

/// Bytes; the listeners have to let as much through.
inline constexpr std::size_t kLargestImport = std::size_t{24} * 1024 * 1024;
inline constexpr std::size_t kImportLines = 30'000;  ///< of one POST /v1/grants:import
inline constexpr std::size_t kProbeLines = 10'000;   ///< of one POST /v1/grants:probe

struct ApiOptions {
  std::string version{};
  /// Whether requests are accepted; empty: always. While false only /healthz, /readyz, /metrics and /openapi.json
  /// answer. Any thread.
  std::function<bool()> ready{};
  /// Whether requests should go to another node, if there is one: /readyz says so, and everything is served still.
  std::function<bool()> draining{};
  /// The text of /metrics; empty: there is none. Any thread.
  std::function<std::string()> metrics{};
  /// Called after callers or applications changed and before the answer goes out, so that a new key works at once.
  /// Engine executor. See access_facts.hpp.
  std::function<void()> access_changed{};
  /// Wraps every data key by the master key that the reference names; empty: cannot be done here. Engine executor.
  std::function<Task<Result<Rewrapped>>(std::string reference)> rewrap{};
  RequestLog* requests = nullptr;             ///< null: no line is written; outlives the Api
  AuditLog* audit = nullptr;                  ///< null: nothing is put on record; outlives the Api, as the reader does
  AuditReader* audit_reader = nullptr;        ///< null: /v1/audit says that there is none
  Milliseconds patience = seconds(30);        ///< how long a call waits for a refresh
  Milliseconds key_overlap = hours(24);       ///< how long the old key works after a rotation that does not say
  std::size_t body_bytes = 1024 * 1024;       ///< of a request
  std::size_t import_bytes = kLargestImport;  ///< of one batch of /v1/grants:import
};

/// handle() may be called from any thread, by any number of coroutines at once; it completes on the awaiting executor.
/// Whoever calls is admitted on the calling thread; everything that touches the engine then runs on the engine's
/// executor, which must be running. Hanging up does not undo or interrupt what was begun.
///
/// Never throws, never fails: every error is a problem document (RFC 9457) with the header Keyfob-Error. Authorization
/// header and body of the request are wiped before it returns; the response's body is the server's to wipe.
class Api {
 public:
  /// All three must outlive the Api, and the Api every handle() under way.
  Api(engine::Engine& engine, Gatekeeper& gatekeeper, const Clock& clock, ApiOptions options);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// The caller is who the request proves: Authorization header, else the uid in Request::peer ("unix:uid=1000").
  Task<http::Response> handle(http::Request request);
  /// The caller is known already: the command line in this process.
  Task<http::Response> handle(http::Request request, std::shared_ptr<const Admission> admission);

  /// GET /v1/token without a coroutine, for one server thread. Must not outlive the Api.
  [[nodiscard]] std::unique_ptr<DirectToken> direct_token() const;

  /// Whether a path is the API's own and never the gateway's, whatever the method: /v1/**, /webhooks/**,
  /// /connect/callback, /healthz, /readyz, /metrics, /openapi.json.
  [[nodiscard]] static bool serves(std::string_view path);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyfob::api
