#pragma once
// Credentials: what an application carries as a whole: its application token (client credentials, cached, renewed
// ahead, shared with the other nodes), its management token, its client id and secret. Implements the gateway's
// CredentialSource.

#include <atomic>
#include <memory>
#include <unordered_map>

#include "base/instance_number.hpp"
#include "engine/directory.hpp"
#include "engine/wakeup.hpp"
#include "ports/app_token_store.hpp"
#include "ports/credential_source.hpp"
#include "ports/token_endpoint.hpp"

namespace keyfob::engine {

/// Constructed on the engine's executor; authorization() may be called from any thread.
class Credentials final : public CredentialSource {
 public:
  struct Ports {
    asio::any_io_executor executor;
    TokenEndpoint& endpoint;
    Clock& clock;
    Random& random;
    Directory& directory;
    AppTokenStore* shared = nullptr;  ///< null: every node fetches its own
  };
  struct Policy {
    Milliseconds timeout{};       ///< for one request to the token endpoint
    Milliseconds min_interval{};  ///< a token younger than this is not renewed because of a 401
  };
  Credentials(Ports ports, Policy policy) : ports_(ports), policy_(policy) {}

  Task<std::expected<Authorization, TokenFailure>> authorization(AppId app, CredentialKind kind, Scheme scheme,
                                                                 std::uint64_t refused) override;
  /// Application tokens only: nothing else is asked for often enough.
  bool try_authorization(const AppId& app, CredentialKind kind, CredentialSlot& out) noexcept override;

 private:
  using Answer = std::expected<Authorization, TokenFailure>;
  struct Cached {
    Bytes sealed{};            ///< the whole header value; empty: none
    std::uint64_t serial = 0;  ///< on this node
    std::uint64_t number = 0;  ///< in the shared store; 0: it has none that is known here
    BootTime issued_at{};
    WallTime renew_at{};
    WallTime expires_at{};
    BootTime not_before{};  ///< after a failure, nobody renews ahead sooner
    bool renewing = false;
    std::shared_ptr<Wakeup> renewed{};
  };
  /// A token as every thread may see it. Immutable.
  struct Published {
    Bytes sealed;
    std::uint64_t serial;
    WallTime renew_at;
  };
  using PublishedTokens = std::unordered_map<AppId, Published>;
  void publish();
  [[nodiscard]] const PublishedTokens& published_to_this_thread() const;

  Task<Answer> application_token(AppId app, std::uint64_t refused);
  Task<Answer> renew(std::shared_ptr<const ApplicationView> app, std::uint64_t refused);
  /// The store's, if it is another one that can be used. Empty: the caller is to fetch one.
  Task<std::optional<Answer>> shared_token(std::shared_ptr<const ApplicationView> app, std::uint64_t refused);
  Task<Answer> fetch(std::shared_ptr<const ApplicationView> app);
  Task<void> share(AppId app, WallTime issued_at);
  void renew_ahead(const std::shared_ptr<const ApplicationView>& app);
  void adopt(const ApplicationView& app, SharedAppToken token);
  Answer management(const ApplicationView& app, Scheme scheme) const;
  Answer client(const ApplicationView& app) const;
  Answer open(const AppId& app, const Cached& cached) const;
  [[nodiscard]] bool usable(const Cached& cached, std::uint64_t refused) const;
  /// Due, and yet good for a while.
  [[nodiscard]] bool lives(const Cached& cached, std::uint64_t refused) const;

  Ports ports_;
  Policy policy_;
  std::unordered_map<AppId, Cached> cache_;  ///< engine executor only
  std::atomic<std::shared_ptr<const PublishedTokens>> published_ = std::make_shared<const PublishedTokens>();
  std::atomic<std::uint64_t> publication_ = new_instance_number();  ///< which of all that were ever published
};

}  // namespace keyfob::engine
