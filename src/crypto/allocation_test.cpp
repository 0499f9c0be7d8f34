// The hot path allocates nothing, neither by operator new nor inside OpenSSL.
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <array>
#include <atomic>
#include <cstdlib>

#include "crypto/xaes.hpp"

namespace {

std::atomic<int> allocations{0};

void* count_malloc(std::size_t size, const char* /*file*/, int /*line*/) {
  ++allocations;
  return std::malloc(size);
}
void* count_realloc(void* old, std::size_t size, const char* /*file*/, int /*line*/) {
  ++allocations;
  return std::realloc(old, size);
}
void count_free(void* old, const char* /*file*/, int /*line*/) { std::free(old); }

// Before main, because OpenSSL takes it only before its own first allocation.
const int counting = CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free);

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace keyfob::crypto {
namespace {

TEST(XaesAllocations, OpeningAndSealingInPlaceAllocateNothing) {
  ASSERT_EQ(counting, 1) << "OpenSSL's allocations are not counted";
  const XaesKey key = XaesKey::from_bytes(Bytes(kXaesKeySize, 1)).value();
  const XaesNonce nonce{};
  const Bytes sealed = key.seal(nonce, as_bytes("aad"), as_bytes("a token"));
  std::array<std::uint8_t, 64> out{};
  const int before = allocations;
  ASSERT_GT(before, 0) << "nothing is counted";
  bool opened = true;
  for (int i = 0; i < 100; ++i) {
    key.seal_into(nonce, as_bytes("aad"), as_bytes("a token"), out);
    opened = opened && key.open_into(nonce, as_bytes("aad"), sealed, out).has_value();
  }
  EXPECT_EQ(allocations - before, 0);
  EXPECT_TRUE(opened);
}

}  // namespace
}  // namespace keyfob::crypto
