#pragma once
// Moving a grant's record to the application's present primary data key: the same tokens and the same association,
// verified on the way, so that a record that was tampered with is never vouched for anew. Errors: see
// sealed_record.hpp.

#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "core/grant.hpp"
#include "core/kept_pair.hpp"
#include "vault/keyring.hpp"
#include "vault/pair.hpp"

namespace keyfob::vault {

struct ResealedRecord {
  SealedPair pair;
  Bytes association_mac;
};

/// damaged: something of the record does not verify; it has to be left as it is.
[[nodiscard]] Result<ResealedRecord> reseal_record(const Keyring& keyring, const GrantRecord& record,
                                                   const PairNonces& nonces);
/// A late pair; its data_key is the new one.
[[nodiscard]] Result<KeptPair> reseal_kept(const Keyring& keyring, const KeptPair& kept, const PairNonces& nonces);

/// The data keys that the sealed parts name, each once; unreadable headers are left out.
[[nodiscard]] std::vector<DataKeyId> data_keys_of(const GrantRecord& record);
[[nodiscard]] std::vector<DataKeyId> data_keys_of(const SealedPair& pair);

/// What every record and MAC under this data key begins with.
[[nodiscard]] Bytes record_header(DataKeyId key);

}  // namespace keyfob::vault
