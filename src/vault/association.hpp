#pragma once
// The association MAC: a keyed HMAC over (application, grant, user, provider user, vehicles, epoch), so that whoever
// can write the database cannot point a vehicle or a user at somebody else's grant. It names its data key like a record
// does:
//
//   version 0x01 | data key id u32 | HMAC-SHA256[32]

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "core/grant.hpp"
#include "vault/keyring.hpp"

namespace keyfob::vault {

inline constexpr std::size_t kAssociationMacSize = 1 + 4 + 32;

/// Under the application's primary data key. not_found: it has none. invalid_argument: the vehicles are not sorted and
/// unique.
[[nodiscard]] Result<Bytes> association_mac(const Keyring& keyring, const Association& association);

/// damaged: does not verify, for whatever reason.
[[nodiscard]] Result<void> verify_association(const Keyring& keyring, const Association& association, ByteView mac);

/// Everything about a record that is sealed: the association, the access token, the refresh token. The plaintexts are
/// wiped at once. A revoked grant has no tokens; any other must have both. damaged: see Error::what.
[[nodiscard]] Result<void> verify_record(const Keyring& keyring, const GrantRecord& record);

}  // namespace keyfob::vault
