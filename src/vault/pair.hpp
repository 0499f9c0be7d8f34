#pragma once
// The sealed pair of a grant. Access and refresh token are sealed apart, each for its own purpose, so the hot path
// never opens a refresh token and neither opens in the other's place. Errors: see sealed_record.hpp.

#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "core/grant.hpp"
#include "vault/sealed_record.hpp"

namespace keyfob::vault {

/// The grant and the version that a pair belongs to. Holds references, see Binding.
struct PairBinding {
  const AppId& app;
  std::string_view grant;
  GrantVersion version;
};
[[nodiscard]] PairBinding binding_of(const Grant& grant);
PairBinding binding_of(Grant&&) = delete;

/// Two fresh random nonces.
struct PairNonces {
  Nonce access;
  Nonce refresh;
};

/// Seals with the application's primary data key. Empty tokens are sealed like others (a pair that is kept for its
/// refresh token alone).
[[nodiscard]] Result<SealedPair> seal_pair(const Keyring& keyring, const PairBinding& binding, const TokenPair& pair,
                                           const PairNonces& nonces);

[[nodiscard]] Result<AccessToken> open_access(const Keyring& keyring, const PairBinding& binding, ByteView sealed);
[[nodiscard]] Result<RefreshToken> open_refresh(const Keyring& keyring, const PairBinding& binding, ByteView sealed);

/// The hot path: writes the access token to the front of `out` and answers its size; see open_record_into.
[[nodiscard]] Result<std::size_t> open_access_into(const Keyring& keyring, const PairBinding& binding, ByteView sealed,
                                                   std::span<char> out);

/// The same pair under the application's present primary data key.
[[nodiscard]] Result<SealedPair> reseal_pair(const Keyring& keyring, const PairBinding& binding,
                                             const SealedPair& sealed, const PairNonces& nonces);

}  // namespace keyfob::vault
