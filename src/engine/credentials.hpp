#pragma once
// Credentials: what an application carries as a whole: its application token (client credentials, cached and renewed
// ahead), its management token, its client id and secret. Implements the gateway's CredentialSource.

#include <unordered_map>

#include "engine/directory.hpp"
#include "engine/wakeup.hpp"
#include "ports/credential_source.hpp"
#include "ports/token_endpoint.hpp"

namespace keyfob::engine {

/// Constructed on the engine's executor; authorization() and refused() may be called from any thread.
class Credentials final : public CredentialSource {
 public:
  struct Ports {
    asio::any_io_executor executor;
    TokenEndpoint& endpoint;
    Clock& clock;
    Random& random;
    Directory& directory;
  };
  Credentials(Ports ports, Milliseconds timeout) : ports_(ports), timeout_(timeout) {}

  Task<std::expected<Secret, TokenFailure>> authorization(AppId app, CredentialKind kind, Scheme scheme) override;
  void refused(AppId app, CredentialKind kind) override;

 private:
  using Answer = std::expected<Secret, TokenFailure>;
  struct Cached {
    Bytes sealed{};  ///< the whole header value; empty: none
    WallTime renew_at{};
    bool renewing = false;
    std::shared_ptr<Wakeup> renewed{};
  };
  Task<Answer> application_token(AppId app);
  Task<Answer> renew(std::shared_ptr<const ApplicationView> app);
  Answer management(const ApplicationView& app, Scheme scheme) const;
  Answer client(const ApplicationView& app) const;
  Answer open(const AppId& app, const Cached& cached) const;

  Ports ports_;
  Milliseconds timeout_;
  std::unordered_map<AppId, Cached> cache_;  ///< engine executor only
};

}  // namespace keyfob::engine
