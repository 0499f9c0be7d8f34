#pragma once
// random_bytes: the operating system's entropy through OpenSSL's generator.

#include <cstdint>
#include <mutex>
#include <span>

#include "crypto/secure_memory.hpp"

namespace keyfob::crypto {

/// Cryptographically strong. Any thread. Ends the process when there is no entropy: nothing may be sealed without it.
void random_bytes(std::span<std::uint8_t> out);

/// random_bytes() drawn some kilobytes at a time, since each draw costs a microsecond whatever its size: for nonces and
/// ids, of which one import needs millions. Bytes are wiped where they lay once they are given out. Any thread; not for
/// use on both sides of a fork(2), which would give the same bytes twice.
class RandomStock {
 public:
  void fill(std::span<std::uint8_t> out);

 private:
  std::mutex mutex_;
  SecureBytes stock_{};  ///< made at the first use: after init_secure_heap()
  std::size_t given_ = 0;
};

}  // namespace keyfob::crypto
