#pragma once
// OpenSSL's objects as owned pointers, and the algorithms fetched once per process. Included by crypto/*.cpp only.

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace keyfob::crypto {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Cipher = std::unique_ptr<EVP_CIPHER, Freed<&EVP_CIPHER_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<&EVP_CIPHER_CTX_free>>;
using Hash = std::unique_ptr<EVP_MD, Freed<&EVP_MD_free>>;
using Mac = std::unique_ptr<EVP_MAC, Freed<&EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freed<&EVP_MAC_CTX_free>>;
using Kdf = std::unique_ptr<EVP_KDF, Freed<&EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freed<&EVP_KDF_CTX_free>>;

/// For calls that fail only when OpenSSL lacks an algorithm, was misused, or found no memory.
inline void must(int openssl_result) {
  if (openssl_result != 1) throw std::runtime_error("OpenSSL refused a call that cannot fail");
}

template <class Owner>
Owner must_have(Owner owner) {
  if (!owner) throw std::bad_alloc();
  return owner;
}

}  // namespace keyfob::crypto
