#include "engine/sealer.hpp"

#include "crypto/hash.hpp"
#include "vault/association.hpp"

namespace keyfob::engine {
namespace {

constexpr std::ptrdiff_t kMarkBytes = 16;

}  // namespace

vault::Nonce Sealer::nonce() {
  vault::Nonce nonce{};
  random_.fill(nonce);
  return nonce;
}

Result<SealedPair> Sealer::seal(const AppId& app, const GrantId& grant, GrantVersion version, const TokenPair& pair) {
  const auto snapshot = directory_.snapshot();
  const vault::PairNonces nonces{nonce(), nonce()};
  return vault::seal_pair(*snapshot->keyring, {app, grant.view(), version}, pair, nonces);
}

Result<Bytes> Sealer::associate(const Grant& grant) const {
  return vault::association_mac(*directory_.snapshot()->keyring, association_of(grant));
}

Result<void> Sealer::verify(const GrantRecord& record) const {
  return vault::verify_record(*directory_.snapshot()->keyring, record);
}

Result<void> Sealer::verify_association(const GrantRecord& record) const {
  return vault::verify_association(*directory_.snapshot()->keyring, association_of(record.grant),
                                   record.association_mac);
}

Result<AccessToken> Sealer::access_token(const GrantRecord& record) const {
  return vault::open_access(*directory_.snapshot()->keyring, vault::binding_of(record.grant), record.sealed.access);
}

Result<RefreshToken> Sealer::refresh_token(const GrantRecord& record) const {
  return vault::open_refresh(*directory_.snapshot()->keyring, vault::binding_of(record.grant), record.sealed.refresh);
}

Result<RefreshToken> Sealer::refresh_token(const KeptPair& kept) const {
  const GrantVersion version{kept.at.generation.next(), kept.at.epoch};
  return vault::open_refresh(*directory_.snapshot()->keyring, {kept.app, kept.grant.view(), version},
                             kept.sealed.refresh);
}

bool Sealer::holds(const GrantRecord& record, const KeptPair& kept) const {
  if (record.sealed == kept.sealed) return true;
  const GrantVersion version{kept.at.generation.next(), kept.at.epoch};
  const bool comparable =
      record.grant.app == kept.app && record.grant.id == kept.grant && record.grant.version == version;
  if (!comparable || record.sealed.refresh.empty()) return false;
  const auto directory = directory_.snapshot();
  const auto& keyring = *directory->keyring;
  const auto stored = open(record);
  const auto access = vault::open_access(keyring, {kept.app, kept.grant.view(), version}, kept.sealed.access);
  const auto refresh = refresh_token(kept);
  return stored && access && refresh && stored->access == *access && stored->refresh == *refresh;
}

Result<TokenPair> Sealer::open(const GrantRecord& record) const {
  auto access = access_token(record);
  if (!access) return fail(access.error());
  auto refresh = refresh_token(record);
  if (!refresh) return fail(refresh.error());
  return TokenPair{std::move(*access), std::move(*refresh)};
}

Bytes Sealer::mark(const GrantRecord& record) const {
  const auto token = refresh_token(record);
  if (!token) return {};
  const crypto::Digest digest = crypto::sha256(as_bytes(reveal_secret(*token)));
  return {digest.begin(), digest.begin() + kMarkBytes};
}

bool Sealer::follows(const KeptPair& kept, const GrantRecord& record) const {
  if (record.grant.version != kept.at) return false;
  if (kept.replaces.empty()) return true;
  const Bytes stored = mark(record);
  return stored.empty() || stored == kept.replaces;
}

GrantRecord with_kept_pair(GrantRecord record, const KeptPair& kept) {
  record.grant.version.generation = kept.at.generation.next();
  record.grant.access_expires_at = kept.access_expires_at;
  record.grant.refresh_expires_at = kept.refresh_expires_at;
  record.grant.rotated_at = kept.received_at;
  record.grant.attempt.reset();
  record.grant.refusals = {};
  if (record.grant.status == GrantStatus::suspect || record.grant.status == GrantStatus::needs_reauth) {
    record.grant.status = GrantStatus::active;
  }
  if (!kept.scope.empty()) record.grant.scope = kept.scope;
  record.sealed = kept.sealed;
  return record;
}

}  // namespace keyfob::engine
