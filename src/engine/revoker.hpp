#pragma once
// Revoker: ends a grant: `revoking` durable first, then the provider, then the tokens are forgotten under a new epoch.
// Engine executor only.

#include "engine/refresher.hpp"
#include "ports/connection_list.hpp"
#include "ports/credential_source.hpp"

namespace keyfob::engine {

enum class RevokeState : std::uint8_t { done, still_trying };

class Revoker {
 public:
  struct Ports {
    Refresher& refresher;
    CredentialSource& credentials;
    ConnectionList* connections;  ///< null: no provider has such a list
  };
  explicit Revoker(Ports ports) : ports_(ports), context_(ports.refresher.context()) {}

  /// Idempotent. still_trying: the provider could not be told yet; the background goes on, the tokens are never served
  /// again.
  Task<Result<RevokeState>> revoke(GrantRef ref, bool local);

 private:
  enum class Told : std::uint8_t { done, not_yet, otherwise };
  Task<Result<GrantRecord>> mark_revoking(GrantRef ref);
  Task<Told> tell_provider(GrantRecord record);
  /// By the application's own token (Smartcar v3). otherwise: this application or this grant cannot be told so.
  Task<Told> end_connections(const Grant* grant);
  Task<Result<std::vector<std::string>>> connections_of(const Grant* grant, std::string provider, Secret authorization);
  Task<Result<void>> end_all(const Grant* grant, std::string provider, Secret authorization);
  Task<Result<void>> ask_provider(const GrantRecord* record);
  Task<Result<RevokeState>> forget(GrantRef ref);

  Ports ports_;
  RefreshContext& context_;
};

}  // namespace keyfob::engine
