#include "vault/secrets.hpp"

#include <array>

#include <string>

namespace keyfob::vault {
namespace {

enum class Sort { client, management, webhook };

Sort sort_of(SecretPurpose purpose) {
  switch (purpose) {
    case SecretPurpose::client_secret:
    case SecretPurpose::previous_client_secret:
    case SecretPurpose::v3_client_secret: return Sort::client;
    case SecretPurpose::management_token:
    case SecretPurpose::previous_management_token: return Sort::management;
    case SecretPurpose::webhook_secret: return Sort::webhook;
  }
  return Sort::client;
}

std::string purpose_of(SecretBinding binding) { return "secret/" + std::string(to_string(binding.purpose)); }

std::unexpected<Error> wrong_sort(SecretBinding binding) {
  return fail(ErrorCode::invalid_argument, std::string(to_string(binding.purpose)) + " is another kind of secret");
}

Result<Bytes> seal_as(const Keyring& keyring, SecretBinding binding, std::string_view content, const Nonce& nonce) {
  const std::string purpose = purpose_of(binding);
  return seal_record(keyring, {purpose, binding.app, {}}, content, nonce);
}

Result<Secret> open_any(const Keyring& keyring, SecretBinding binding, ByteView sealed) {
  const std::string purpose = purpose_of(binding);
  return open_record(keyring, {purpose, binding.app, {}}, sealed);
}

template <class Kind>
Result<Kind> open_as(const Keyring& keyring, SecretBinding binding, ByteView sealed) {
  const Result<Secret> opened = open_any(keyring, binding, sealed);
  if (!opened) return fail(opened.error());
  return Kind(reveal_secret(*opened));
}

constexpr std::string_view kBlob = "blob/";

std::string purpose_of(BlobBinding binding) { return std::string(kBlob) + std::string(binding.purpose); }

}  // namespace

Result<Bytes> seal_secret(const Keyring& keyring, SecretBinding binding, const ClientSecret& secret,
                          const Nonce& nonce) {
  if (sort_of(binding.purpose) != Sort::client) return wrong_sort(binding);
  return seal_as(keyring, binding, reveal_secret(secret), nonce);
}

Result<Bytes> seal_secret(const Keyring& keyring, SecretBinding binding, const ManagementToken& secret,
                          const Nonce& nonce) {
  if (sort_of(binding.purpose) != Sort::management) return wrong_sort(binding);
  return seal_as(keyring, binding, reveal_secret(secret), nonce);
}

Result<Bytes> seal_secret(const Keyring& keyring, SecretBinding binding, const Secret& secret, const Nonce& nonce) {
  if (sort_of(binding.purpose) != Sort::webhook) return wrong_sort(binding);
  return seal_as(keyring, binding, reveal_secret(secret), nonce);
}

Result<ClientSecret> open_client_secret(const Keyring& keyring, SecretBinding binding, ByteView sealed) {
  if (sort_of(binding.purpose) != Sort::client) return wrong_sort(binding);
  return open_as<ClientSecret>(keyring, binding, sealed);
}

Result<ManagementToken> open_management_token(const Keyring& keyring, SecretBinding binding, ByteView sealed) {
  if (sort_of(binding.purpose) != Sort::management) return wrong_sort(binding);
  return open_as<ManagementToken>(keyring, binding, sealed);
}

Result<Secret> open_webhook_secret(const Keyring& keyring, SecretBinding binding, ByteView sealed) {
  if (sort_of(binding.purpose) != Sort::webhook) return wrong_sort(binding);
  return open_any(keyring, binding, sealed);
}

Result<Bytes> reseal_secret(const Keyring& keyring, SecretBinding binding, ByteView sealed, const Nonce& nonce) {
  const Result<Secret> opened = open_any(keyring, binding, sealed);
  if (!opened) return fail(opened.error());
  return seal_as(keyring, binding, reveal_secret(*opened), nonce);
}

Result<Bytes> seal_blob(const Keyring& keyring, BlobBinding binding, const Secret& content, const Nonce& nonce) {
  const std::string purpose = purpose_of(binding);
  return seal_record(keyring, {purpose, binding.app, binding.subject}, reveal_secret(content), nonce);
}

Result<std::size_t> open_blob_into(const Keyring& keyring, BlobBinding binding, ByteView sealed, std::span<char> out) {
  std::array<char, kBlob.size() + kMaxBlobPurpose> purpose;
  if (binding.purpose.size() > kMaxBlobPurpose) return fail(ErrorCode::invalid_argument, "a purpose is too long");
  char* end = purpose.data() + kBlob.copy(purpose.data(), kBlob.size());
  end += binding.purpose.copy(end, binding.purpose.size());
  return open_record_into(keyring, {std::string_view(purpose.data(), end), binding.app, binding.subject}, sealed, out);
}

Result<Secret> open_blob(const Keyring& keyring, BlobBinding binding, ByteView sealed) {
  const std::string purpose = purpose_of(binding);
  return open_record(keyring, {purpose, binding.app, binding.subject}, sealed);
}

}  // namespace keyfob::vault
