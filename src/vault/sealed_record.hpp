#pragma once
// Sealed records: the format of everything that Keyfob keeps encrypted (docs/spec/sealed-record.md, version 1).
//
//   version 0x01 | data key id u32 | nonce[24] | ciphertext | tag[16]
//
// The associated data binds a record to its purpose, application, grant, epoch and generation. No I/O, no entropy:
// nonces are arguments, drawn from 24 fresh random bytes for every record.
//
// Errors of every open function: damaged, whatever is wrong with the record; nothing tells a forger which part it was,
// except that an unknown version and an unknown data key are named for the operator. Errors of every seal function:
// not_found (the application has no data key), invalid_argument (an id is longer than kMaxBoundText).

#include <cstddef>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "core/grant.hpp"
#include "crypto/xaes.hpp"
#include "vault/keyring.hpp"

namespace keyfob::vault {

inline constexpr std::uint8_t kRecordVersion = 1;
inline constexpr std::size_t kRecordHeaderSize = 1 + 4;
/// What sealing adds to the plaintext's size.
inline constexpr std::size_t kRecordOverhead = kRecordHeaderSize + crypto::kXaesNonceSize + crypto::kXaesTagSize;
/// Longest application id, grant id, purpose or subject.
inline constexpr std::size_t kMaxBoundText = 128;

using Nonce = crypto::XaesNonce;

/// Where a record belongs. Holds references: make it in the argument list or next to what it names.
struct Binding {
  std::string_view purpose;
  const AppId& app;
  std::string_view subject;  ///< the grant's id, or what else the purpose is about
  GrantVersion version{};
};

[[nodiscard]] Result<Bytes> seal_record(const Keyring& keyring, const Binding& binding, std::string_view plaintext,
                                        const Nonce& nonce);
/// Answers the plaintext's size. `out` must hold sealed.size() - kRecordOverhead bytes (else invalid_argument). Wiped
/// on error. Does not allocate on success.
[[nodiscard]] Result<std::size_t> open_record_into(const Keyring& keyring, const Binding& binding, ByteView sealed,
                                                   std::span<char> out);
[[nodiscard]] Result<Secret> open_record(const Keyring& keyring, const Binding& binding, ByteView sealed);

/// Which data key sealed it, read from its header without verifying anything. damaged: not a record of this version.
/// Works for association MACs, too.
[[nodiscard]] Result<DataKeyId> data_key_of(ByteView sealed);

}  // namespace keyfob::vault
