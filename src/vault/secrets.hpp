#pragma once
// Sealed secrets of applications, and sealed blobs for what else must be kept (PKCE verifiers, cached tokens). A client
// secret and a management token are two types here as everywhere: neither is opened as the other. Errors: see
// sealed_record.hpp.

#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "core/application.hpp"
#include "vault/sealed_record.hpp"

namespace keyfob::vault {

/// Holds a reference, see Binding.
struct SecretBinding {
  const AppId& app;
  SecretPurpose purpose;
};

/// The bytes for SealedSecret::sealed. invalid_argument: the purpose is of the other kind.
[[nodiscard]] Result<Bytes> seal_secret(const Keyring& keyring, SecretBinding binding, const ClientSecret& secret,
                                        const Nonce& nonce);
[[nodiscard]] Result<Bytes> seal_secret(const Keyring& keyring, SecretBinding binding, const ManagementToken& secret,
                                        const Nonce& nonce);
[[nodiscard]] Result<Bytes> seal_secret(const Keyring& keyring, SecretBinding binding, const Secret& secret,
                                        const Nonce& nonce);
/// client_secret, previous_client_secret, v3_client_secret; invalid_argument for other purposes.
[[nodiscard]] Result<ClientSecret> open_client_secret(const Keyring& keyring, SecretBinding binding, ByteView sealed);
/// management_token, previous_management_token; invalid_argument for other purposes.
[[nodiscard]] Result<ManagementToken> open_management_token(const Keyring& keyring, SecretBinding binding,
                                                            ByteView sealed);
/// webhook_secret; invalid_argument for other purposes.
[[nodiscard]] Result<Secret> open_webhook_secret(const Keyring& keyring, SecretBinding binding, ByteView sealed);
/// The same secret under the application's present primary data key, never leaving this function.
[[nodiscard]] Result<Bytes> reseal_secret(const Keyring& keyring, SecretBinding binding, ByteView sealed,
                                          const Nonce& nonce);

/// What a blob is (`purpose`, a word of the code's) and whose (`subject`, for instance a state hash in hex).
struct BlobBinding {
  const AppId& app;
  std::string_view purpose;
  std::string_view subject;
};
[[nodiscard]] Result<Bytes> seal_blob(const Keyring& keyring, BlobBinding binding, const Secret& content,
                                      const Nonce& nonce);
[[nodiscard]] Result<Secret> open_blob(const Keyring& keyring, BlobBinding binding, ByteView sealed);
/// The hot path: writes the content to the front of `out` and answers its size; see open_record_into. The purpose is at
/// most kMaxBlobPurpose long.
[[nodiscard]] Result<std::size_t> open_blob_into(const Keyring& keyring, BlobBinding binding, ByteView sealed,
                                                 std::span<char> out);
inline constexpr std::size_t kMaxBlobPurpose = 64;

}  // namespace keyfob::vault
