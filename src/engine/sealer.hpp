#pragma once
// Sealer: the engine's way into the vault: present keyring, fresh nonces.

#include "base/result.hpp"
#include "core/kept_pair.hpp"
#include "engine/directory.hpp"
#include "ports/clock.hpp"
#include "vault/pair.hpp"

namespace keyfob::engine {

/// Engine executor only.
class Sealer {
 public:
  Sealer(const Directory& directory, Random& random) : directory_(directory), random_(random) {}

  [[nodiscard]] Result<SealedPair> seal(const AppId& app, const GrantId& grant, GrantVersion version,
                                        const TokenPair& pair);
  [[nodiscard]] Result<Bytes> associate(const Grant& grant) const;
  /// damaged unless association and both tokens verify.
  [[nodiscard]] Result<void> verify(const GrantRecord& record) const;
  /// damaged: the association was changed behind our back.
  [[nodiscard]] Result<void> verify_association(const GrantRecord& record) const;
  [[nodiscard]] Result<AccessToken> access_token(const GrantRecord& record) const;
  [[nodiscard]] Result<RefreshToken> refresh_token(const GrantRecord& record) const;
  /// The refresh token of a pair that was kept: sealed for the generation after `kept.at`.
  [[nodiscard]] Result<RefreshToken> refresh_token(const KeptPair& kept) const;
  /// Whether the record holds this very pair, under whatever data key: it may have been re-sealed since it was stored.
  [[nodiscard]] bool holds(const GrantRecord& record, const KeptPair& kept) const;
  [[nodiscard]] Result<TokenPair> open(const GrantRecord& record) const;
  /// A mark of the stored pair, the same under whatever data key: a digest of its refresh token. Empty: it does not
  /// open.
  [[nodiscard]] Bytes mark(const GrantRecord& record) const;
  /// This is the very pair that `kept` was made to follow, as far as that is known.
  [[nodiscard]] bool follows(const KeptPair& kept, const GrantRecord& record) const;
  [[nodiscard]] vault::Nonce nonce();

 private:
  const Directory& directory_;
  Random& random_;
};

/// The record as it will be once `kept` is committed: what callers are served while the store refuses the commit.
[[nodiscard]] GrantRecord with_kept_pair(GrantRecord record, const KeptPair& kept);

}  // namespace keyfob::engine
