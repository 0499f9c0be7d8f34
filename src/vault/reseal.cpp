#include "vault/reseal.hpp"

#include <algorithm>
#include <initializer_list>

#include "vault/association.hpp"
#include "vault/canonical.hpp"
#include "vault/sealed_record.hpp"

namespace keyfob::vault {
namespace {

std::vector<DataKeyId> named_by(std::initializer_list<ByteView> parts) {
  std::vector<DataKeyId> keys;
  for (const ByteView part : parts) {
    const Result<DataKeyId> key = data_key_of(part);
    if (key && std::ranges::find(keys, *key) == keys.end()) keys.push_back(*key);
  }
  return keys;
}

GrantVersion version_of(const KeptPair& kept) { return {kept.at.generation.next(), kept.at.epoch}; }

}  // namespace

Result<ResealedRecord> reseal_record(const Keyring& keyring, const GrantRecord& record, const PairNonces& nonces) {
  if (Result<void> intact = verify_record(keyring, record); !intact) return fail(std::move(intact.error()));
  ResealedRecord out;
  Result<Bytes> mac = association_mac(keyring, association_of(record.grant));
  if (!mac) return fail(std::move(mac.error()));
  out.association_mac = std::move(*mac);
  const bool forgotten = record.sealed.access.empty() && record.sealed.refresh.empty();
  if (forgotten) return out;
  Result<SealedPair> pair = reseal_pair(keyring, binding_of(record.grant), record.sealed, nonces);
  if (!pair) return fail(std::move(pair.error()));
  out.pair = std::move(*pair);
  return out;
}

Result<KeptPair> reseal_kept(const Keyring& keyring, const KeptPair& kept, const PairNonces& nonces) {
  const PairBinding binding{kept.app, kept.grant.view(), version_of(kept)};
  Result<SealedPair> pair = reseal_pair(keyring, binding, kept.sealed, nonces);
  if (!pair) return fail(std::move(pair.error()));
  const Result<DataKeyId> key = data_key_of(pair->refresh);
  if (!key) return fail(key.error());
  KeptPair out = kept;
  out.sealed = std::move(*pair);
  out.data_key = *key;
  return out;
}

std::vector<DataKeyId> data_keys_of(const GrantRecord& record) {
  return named_by({record.sealed.access, record.sealed.refresh, record.association_mac});
}

std::vector<DataKeyId> data_keys_of(const SealedPair& pair) { return named_by({pair.access, pair.refresh}); }

Bytes record_header(DataKeyId key) {
  Bytes header;
  put_number(header, kRecordVersion, 1);
  put_number(header, key.value(), 4);
  return header;
}

}  // namespace keyfob::vault
