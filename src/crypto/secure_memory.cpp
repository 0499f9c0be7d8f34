#include "crypto/secure_memory.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <new>

namespace keyfob::crypto {
namespace {

/// OpenSSL's answer when the heap exists but could not be locked, guarded or kept out of dumps.
constexpr int kHeapNotLocked = 2;
constexpr std::size_t kSmallestBlock = 32;

Result<SecureHeap> start_secure_heap(std::size_t size) {
  const int outcome = CRYPTO_secure_malloc_init(size, kSmallestBlock);
  if (outcome == 1) return SecureHeap::locked;
  if (outcome == kHeapNotLocked) return SecureHeap::unlocked;
  return fail(ErrorCode::unavailable, "the kernel gave no memory for the secure heap", "raise RLIMIT_AS");
}

}  // namespace

Result<SecureHeap> init_secure_heap(std::size_t size) {
  static const Result<SecureHeap> once = start_secure_heap(size);
  return once;
}

SecureBytes::SecureBytes(std::size_t size) : size_(size) {
  if (size == 0) return;
  data_ = static_cast<std::uint8_t*>(OPENSSL_secure_zalloc(size));
  if (data_ == nullptr) throw std::bad_alloc();
}

SecureBytes::SecureBytes(ByteView content) : SecureBytes(content.size()) {
  std::copy(content.begin(), content.end(), data_);
}

SecureBytes::~SecureBytes() {
  if (data_ != nullptr) OPENSSL_secure_clear_free(data_, size_);
}

}  // namespace keyfob::crypto
