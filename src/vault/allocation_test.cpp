// The hot path allocates nothing. What OpenSSL does is counted in crypto's own test.
#include <atomic>
#include <cstdlib>

#include "vault/vault_fixture.hpp"

namespace {

std::atomic<int> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace keyfob::vault {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

TEST(VaultAllocations, OpeningAnAccessTokenInPlaceAllocatesNothing) {
  const KeyringPtr keys = two_apps();
  const GrantId grant("a_grant_id_that_is_longer_than_a_short_string");
  const PairBinding binding{kApp, grant.view(), kVersion};
  const SealedPair sealed = seal_pair(*keys, binding, plain_pair(), pair_nonces()).value();
  std::array<char, 64> out{};
  ASSERT_THAT(open_access_into(*keys, binding, sealed.access, out), is_ok());
  const int before = allocations;
  ASSERT_GT(before, 0) << "nothing is counted";
  bool opened = true;
  for (int i = 0; i < 100; ++i) opened = opened && open_access_into(*keys, binding, sealed.access, out).has_value();
  EXPECT_EQ(allocations - before, 0);
  EXPECT_TRUE(opened);
}

}  // namespace
}  // namespace keyfob::vault
