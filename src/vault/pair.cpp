#include "vault/pair.hpp"

#include <utility>

namespace keyfob::vault {
namespace {

constexpr std::string_view kAccess = "access";
constexpr std::string_view kRefresh = "refresh";

Binding of(const PairBinding& pair, std::string_view purpose) { return {purpose, pair.app, pair.grant, pair.version}; }

template <class Token>
Result<Token> open_token(const Keyring& keyring, const Binding& binding, ByteView sealed) {
  const Result<Secret> opened = open_record(keyring, binding, sealed);
  if (!opened) return fail(opened.error());
  return Token(reveal_secret(*opened));
}

}  // namespace

PairBinding binding_of(const Grant& grant) { return {grant.app, grant.id.view(), grant.version}; }

Result<SealedPair> seal_pair(const Keyring& keyring, const PairBinding& binding, const TokenPair& pair,
                             const PairNonces& nonces) {
  Result<Bytes> access = seal_record(keyring, of(binding, kAccess), reveal_secret(pair.access), nonces.access);
  if (!access) return fail(std::move(access.error()));
  Result<Bytes> refresh = seal_record(keyring, of(binding, kRefresh), reveal_secret(pair.refresh), nonces.refresh);
  if (!refresh) return fail(std::move(refresh.error()));
  return SealedPair{std::move(*access), std::move(*refresh)};
}

Result<AccessToken> open_access(const Keyring& keyring, const PairBinding& binding, ByteView sealed) {
  return open_token<AccessToken>(keyring, of(binding, kAccess), sealed);
}

Result<RefreshToken> open_refresh(const Keyring& keyring, const PairBinding& binding, ByteView sealed) {
  return open_token<RefreshToken>(keyring, of(binding, kRefresh), sealed);
}

Result<std::size_t> open_access_into(const Keyring& keyring, const PairBinding& binding, ByteView sealed,
                                     std::span<char> out) {
  return open_record_into(keyring, of(binding, kAccess), sealed, out);
}

Result<SealedPair> reseal_pair(const Keyring& keyring, const PairBinding& binding, const SealedPair& sealed,
                               const PairNonces& nonces) {
  Result<AccessToken> access = open_access(keyring, binding, sealed.access);
  if (!access) return fail(std::move(access.error()));
  Result<RefreshToken> refresh = open_refresh(keyring, binding, sealed.refresh);
  if (!refresh) return fail(std::move(refresh.error()));
  return seal_pair(keyring, binding, TokenPair{std::move(*access), std::move(*refresh)}, nonces);
}

}  // namespace keyfob::vault
