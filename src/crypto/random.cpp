#include "crypto/random.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace keyfob::crypto {

void random_bytes(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::size_t part = std::min<std::size_t>(out.size(), std::numeric_limits<int>::max());
    if (RAND_priv_bytes(out.data(), static_cast<int>(part)) != 1) std::abort();
    out = out.subspan(part);
  }
}

}  // namespace keyfob::crypto
