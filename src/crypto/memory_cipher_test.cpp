#include "crypto/memory_cipher.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace keyfob::crypto {
namespace {

std::array<std::uint8_t, kMemoryKeySize> key_of(std::uint8_t byte) {
  std::array<std::uint8_t, kMemoryKeySize> key{};
  key.fill(byte);
  return key;
}

std::string opened(const MemoryCipher& cipher, ByteView sealed) {
  Bytes out(100, 0xee);
  const auto size = cipher.open_into(sealed, out);
  if (!size) {
    for (std::size_t i = 0; i + kMemoryOverhead < sealed.size(); ++i) EXPECT_EQ(out[i], 0) << "not wiped";
    return "damaged";
  }
  return std::string(as_text(ByteView(out).first(*size)));
}

TEST(MemoryCipherTest, OpensWhatItSealedOnEveryThread) {
  const MemoryCipher cipher(key_of(1));
  const Bytes sealed = cipher.seal(as_bytes("a token"));
  EXPECT_EQ(sealed.size(), 7 + kMemoryOverhead);
  EXPECT_EQ(opened(cipher, sealed), "a token");
  std::string elsewhere;
  std::thread([&] { elsewhere = opened(cipher, sealed); }).join();
  EXPECT_EQ(elsewhere, "a token");
  EXPECT_EQ(opened(cipher, cipher.seal({})), "");
}

TEST(MemoryCipherTest, NeverSealsTheSameTextTheSameWay) {
  const MemoryCipher cipher(key_of(1));
  EXPECT_NE(cipher.seal(as_bytes("a token")), cipher.seal(as_bytes("a token")));
}

TEST(MemoryCipherTest, FindsEveryChangedByte) {
  const MemoryCipher cipher(key_of(1));
  const Bytes sealed = cipher.seal(as_bytes("a token"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes other = sealed;
    other[i] ^= 1U;
    EXPECT_EQ(opened(cipher, other), "damaged") << i;
    EXPECT_EQ(opened(cipher, ByteView(sealed).first(i)), "damaged") << i;
  }
  EXPECT_EQ(opened(cipher, sealed), "a token") << "after failures";
}

TEST(MemoryCipherTest, TwoOfThemInOneThreadKeepTheirKeysApart) {
  const MemoryCipher one(key_of(1));
  const MemoryCipher two(key_of(2));
  const Bytes by_one = one.seal(as_bytes("one"));
  const Bytes by_two = two.seal(as_bytes("two"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(opened(one, by_one), "one");
    EXPECT_EQ(opened(two, by_two), "two");
    EXPECT_EQ(opened(one, by_two), "damaged");
  }
}

TEST(MemoryCipherTest, SaysWhenThereIsNoRoom) {
  const MemoryCipher cipher(key_of(1));
  Bytes small(6);
  const auto size = cipher.open_into(cipher.seal(as_bytes("a token")), small);
  ASSERT_FALSE(size.has_value());
  EXPECT_EQ(size.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace keyfob::crypto
