#pragma once
// Revoker: ends a grant: `revoking` durable first, then the provider, then the tokens are forgotten under a new epoch.
// Engine executor only.

#include "engine/refresher.hpp"

namespace keyfob::engine {

enum class RevokeState : std::uint8_t { done, still_trying };

class Revoker {
 public:
  explicit Revoker(Refresher& refresher) : refresher_(refresher), context_(refresher.context()) {}

  /// Idempotent. still_trying: the provider could not be told yet; the background goes on, the tokens are never served
  /// again.
  Task<Result<RevokeState>> revoke(GrantRef ref, bool local);

 private:
  enum class Told : std::uint8_t { done, not_yet };
  Task<Result<GrantRecord>> mark_revoking(GrantRef ref);
  Task<Told> tell_provider(GrantRecord record);
  Task<Result<void>> ask_provider(const GrantRecord* record);
  Task<Result<RevokeState>> forget(GrantRef ref);

  Refresher& refresher_;
  RefreshContext& context_;
};

}  // namespace keyfob::engine
