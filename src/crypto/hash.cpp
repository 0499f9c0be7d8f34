#include "crypto/hash.hpp"

#include <openssl/core_names.h>

#include "crypto/openssl.hpp"

namespace keyfob::crypto {
namespace {

const EVP_MD* sha256_algorithm() {
  static const Hash algorithm = must_have(Hash(EVP_MD_fetch(nullptr, "SHA2-256", nullptr)));
  return algorithm.get();
}

EVP_MAC* hmac_algorithm() {
  static const Mac algorithm = must_have(Mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr)));
  return algorithm.get();
}

EVP_KDF* hkdf_algorithm() {
  static const Kdf algorithm = must_have(Kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr)));
  return algorithm.get();
}

// OpenSSL's parameters are not const-correct; it does not write to the ones given here.
OSSL_PARAM text_parameter(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

OSSL_PARAM bytes_parameter(const char* name, ByteView value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()), value.size());
}

}  // namespace

Digest sha256(ByteView data) {
  Digest digest;
  must(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, sha256_algorithm(), nullptr));
  return digest;
}

Digest hmac_sha256(ByteView key, ByteView data) {
  static constexpr std::uint8_t kNoKey = 0;  // a null key means "the former key" to OpenSSL
  const MacContext context = must_have(MacContext(EVP_MAC_CTX_new(hmac_algorithm())));
  const std::array parameters{text_parameter(OSSL_MAC_PARAM_DIGEST, "SHA2-256"), OSSL_PARAM_construct_end()};
  must(EVP_MAC_init(context.get(), key.empty() ? &kNoKey : key.data(), key.size(), parameters.data()));
  must(EVP_MAC_update(context.get(), data.data(), data.size()));
  Digest digest;
  std::size_t size = 0;
  must(EVP_MAC_final(context.get(), digest.data(), &size, digest.size()));
  return digest;
}

std::string hmac_sha256_hex(ByteView key, ByteView data) { return to_hex(hmac_sha256(key, data)); }

void hkdf_sha256(ByteView key, std::string_view info, std::span<std::uint8_t> out) {
  const KdfContext context = must_have(KdfContext(EVP_KDF_CTX_new(hkdf_algorithm())));
  const std::array parameters{text_parameter(OSSL_KDF_PARAM_DIGEST, "SHA2-256"),
                              bytes_parameter(OSSL_KDF_PARAM_KEY, key),
                              bytes_parameter(OSSL_KDF_PARAM_INFO, as_bytes(info)), OSSL_PARAM_construct_end()};
  must(EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()));
}

SecureBytes derive_key(ByteView key, std::string_view info, std::size_t size) {
  SecureBytes derived(size);
  hkdf_sha256(key, info, derived.bytes());
  return derived;
}

Result<MacKey> MacKey::from_bytes(ByteView key) {
  if (key.size() < sizeof(Digest)) return fail(ErrorCode::invalid_argument, "a MAC key has at least 32 bytes");
  return MacKey(SecureBytes(key));
}

Digest MacKey::mac(ByteView data) const { return hmac_sha256(key_.bytes(), data); }

bool MacKey::verify(ByteView data, ByteView mac) const { return equal_constant_time(this->mac(data), mac); }

}  // namespace keyfob::crypto
