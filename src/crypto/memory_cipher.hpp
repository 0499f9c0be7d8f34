#pragma once
// MemoryCipher: AES-256-GCM under a key that exists in this process only, for what is kept in memory and opened often.
// The key never changes, so that its schedule is computed once per thread and not once per opening: a third of what
// XAES costs, which has to make a key of its own for every message. Nothing that it sealed is ever written down.

#include <atomic>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/secure_memory.hpp"

namespace keyfob::crypto {

inline constexpr std::size_t kMemoryKeySize = 32;
inline constexpr std::size_t kMemoryOverhead = 12 + 16;  ///< nonce and tag

/// Any thread. Each thread that used it keeps one expanded key until it uses another.
class MemoryCipher {
 public:
  /// `key`: fresh random bytes, which the caller wipes.
  explicit MemoryCipher(std::span<const std::uint8_t, kMemoryKeySize> key);

  /// Nonce (a counter), ciphertext, tag.
  [[nodiscard]] Bytes seal(ByteView plaintext) const;
  /// Writes the plaintext to the front of `out` and answers its size; on failure `out` is wiped. Does not allocate once
  /// the thread has used it before. damaged: not sealed by this object. invalid_argument: no room.
  [[nodiscard]] Result<std::size_t> open_into(ByteView sealed, std::span<std::uint8_t> out) const;

 private:
  SecureBytes key_;
  std::uint64_t instance_;
  mutable std::atomic<std::uint64_t> nonces_ = 0;
};

}  // namespace keyfob::crypto
