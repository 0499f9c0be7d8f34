#include "crypto/memory_cipher.hpp"

#include <array>
#include <cstring>
#include <stdexcept>

#include "base/instance_number.hpp"
#include "crypto/openssl.hpp"

namespace keyfob::crypto {
namespace {

constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kMaxSize = std::size_t{1} << 20U;

using Nonce = std::array<std::uint8_t, kNonceSize>;

CipherContext new_context(ByteView key, int encrypt) {
  static const Cipher gcm = must_have(Cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)));
  CipherContext context = must_have(CipherContext(EVP_CIPHER_CTX_new()));
  must(EVP_CipherInit_ex2(context.get(), gcm.get(), key.data(), nullptr, encrypt, nullptr));
  return context;
}

/// A thread's context for one direction, under the key of the instance that it was used for last.
struct ThreadContext {
  std::uint64_t instance = 0;
  CipherContext context{};

  EVP_CIPHER_CTX* of(std::uint64_t wanted, ByteView key, int encrypt) {
    if (instance != wanted) {
      context = new_context(key, encrypt);
      instance = wanted;
    }
    return context.get();
  }
};

}  // namespace

MemoryCipher::MemoryCipher(std::span<const std::uint8_t, kMemoryKeySize> key)
    : key_(ByteView(key)), instance_(new_instance_number()) {}

Bytes MemoryCipher::seal(ByteView plaintext) const {
  if (plaintext.size() > kMaxSize) throw std::length_error("too large to be kept in memory");
  Nonce nonce{};
  const std::uint64_t number = nonces_.fetch_add(1, std::memory_order_relaxed);
  std::memcpy(nonce.data(), &number, sizeof(number));
  thread_local ThreadContext sealing;
  EVP_CIPHER_CTX* const context = sealing.of(instance_, key_.bytes(), 1);
  must(EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr));
  Bytes sealed(plaintext.size() + kMemoryOverhead);
  std::memcpy(sealed.data(), nonce.data(), nonce.size());
  std::uint8_t* const text = sealed.data() + kNonceSize;
  std::uint8_t* const tag = text + plaintext.size();
  int size = 0;
  if (!plaintext.empty()) {
    must(EVP_EncryptUpdate(context, text, &size, plaintext.data(), static_cast<int>(plaintext.size())));
  }
  must(EVP_EncryptFinal_ex(context, tag, &size));
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kTagSize), tag));
  return sealed;
}

Result<std::size_t> MemoryCipher::open_into(ByteView sealed, std::span<std::uint8_t> out) const {
  if (sealed.size() < kMemoryOverhead) return fail(ErrorCode::damaged, "what was kept in memory is cut short");
  const ByteView text = sealed.subspan(kNonceSize, sealed.size() - kMemoryOverhead);
  if (out.size() < text.size()) return fail(ErrorCode::invalid_argument, "no room for the plaintext");
  thread_local ThreadContext opening;
  EVP_CIPHER_CTX* const context = opening.of(instance_, key_.bytes(), 0);
  must(EVP_DecryptInit_ex2(context, nullptr, nullptr, sealed.data(), nullptr));
  int size = 0;
  if (!text.empty()) must(EVP_DecryptUpdate(context, out.data(), &size, text.data(), static_cast<int>(text.size())));
  auto* tag = const_cast<std::uint8_t*>(sealed.last<kTagSize>().data());
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kTagSize), tag));
  if (EVP_DecryptFinal_ex(context, out.data() + text.size(), &size) == 1) return text.size();
  wipe(out.data(), text.size());
  return fail(ErrorCode::damaged, "what was kept in memory does not verify");
}

}  // namespace keyfob::crypto
