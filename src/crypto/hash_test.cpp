#include "crypto/hash.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "crypto/random.hpp"

namespace keyfob::crypto {
namespace {

TEST(Sha256, GivesTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HmacSha256, GivesTheVectorsOfRfc4231) {
  EXPECT_EQ(hmac_sha256_hex(Bytes(20, 0x0b), as_bytes("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_sha256_hex(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256_hex(Bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HmacSha256, TakesAnEmptyKey) {
  EXPECT_EQ(hmac_sha256_hex({}, {}), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(HkdfSha256, GivesTheVectorOfRfc5869WithoutSalt) {
  std::array<std::uint8_t, 42> out{};
  hkdf_sha256(Bytes(22, 0x0b), "", out);
  EXPECT_EQ(to_hex(out), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(HkdfSha256, DerivesAnotherKeyForAnotherUse) {
  const Bytes key(32, 1);
  const SecureBytes one = derive_key(key, "one");
  const SecureBytes two = derive_key(key, "two");
  EXPECT_NE(to_hex(std::as_const(one).bytes()), to_hex(std::as_const(two).bytes()));
}

TEST(MacKey, VerifiesItsOwnMacOnly) {
  const MacKey key = MacKey::from_bytes(Bytes(32, 1)).value();
  Bytes mac;
  for (const std::uint8_t b : key.mac(as_bytes("data"))) mac.push_back(b);
  EXPECT_TRUE(key.verify(as_bytes("data"), mac));
  EXPECT_FALSE(key.verify(as_bytes("date"), mac));
  EXPECT_FALSE(key.verify(as_bytes("data"), ByteView(mac).first(31)));
  EXPECT_FALSE(key.verify(as_bytes("data"), {}));
  mac[31] ^= 1U;
  EXPECT_FALSE(key.verify(as_bytes("data"), mac));
}

TEST(MacKey, RefusesShortKeys) {
  EXPECT_EQ(MacKey::from_bytes(Bytes(31, 1)).error().code, ErrorCode::invalid_argument);
}

TEST(RandomBytes, AreNotTheSameTwice) {
  std::array<std::uint8_t, 32> one{};
  std::array<std::uint8_t, 32> two{};
  random_bytes(one);
  random_bytes(two);
  EXPECT_NE(one, two);
}

TEST(SecureBytes, WorkWithoutAndWithTheSecureHeap) {
  const SecureBytes before(as_bytes("a key"));
  const Result<SecureHeap> heap = init_secure_heap(std::size_t{1} << 16U);
  ASSERT_TRUE(heap.has_value());
  SecureBytes after(as_bytes("a key"));
  EXPECT_EQ(as_text(std::as_const(before).bytes()), as_text(std::as_const(after).bytes()));
  const SecureBytes moved = std::move(after);
  EXPECT_EQ(as_text(moved.bytes()), "a key");
  EXPECT_EQ(init_secure_heap().value(), heap.value()) << "a second call changes nothing";
}

}  // namespace
}  // namespace keyfob::crypto
