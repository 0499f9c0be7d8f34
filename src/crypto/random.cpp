#include "crypto/random.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace keyfob::crypto {
namespace {

constexpr std::size_t kStock = 4096;
constexpr std::size_t kLargestFromStock = 64;

}  // namespace

void random_bytes(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const std::size_t part = std::min<std::size_t>(out.size(), std::numeric_limits<int>::max());
    if (RAND_priv_bytes(out.data(), static_cast<int>(part)) != 1) std::abort();
    out = out.subspan(part);
  }
}

void RandomStock::fill(std::span<std::uint8_t> out) {
  if (out.size() > kLargestFromStock) return random_bytes(out);
  const std::scoped_lock lock(mutex_);
  if (stock_.bytes().size() - given_ < out.size()) {
    if (stock_.bytes().empty()) stock_ = SecureBytes(kStock);
    random_bytes(stock_.bytes());
    given_ = 0;
  }
  const auto taken = stock_.bytes().subspan(given_, out.size());
  std::ranges::copy(taken, out.begin());
  wipe(taken.data(), taken.size());
  given_ += taken.size();
}

}  // namespace keyfob::crypto
