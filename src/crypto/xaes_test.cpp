#include "crypto/xaes.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

namespace keyfob::crypto {
namespace {

using ::testing::Each;

struct Vector {
  std::uint8_t key_byte;
  std::string_view aad;
  std::string_view sealed_hex;
};

// c2sp.org/XAES-256-GCM: the top bit of L is 0 in the first and 1 in the second.
constexpr std::array kVectors = {
    Vector{0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
    Vector{0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
};
constexpr std::string_view kPlaintext = "XAES-256-GCM";

XaesKey key_of(std::uint8_t byte) { return XaesKey::from_bytes(Bytes(kXaesKeySize, byte)).value(); }

XaesNonce vector_nonce() {
  XaesNonce nonce;
  std::ranges::copy(std::string_view("ABCDEFGHIJKLMNOPQRSTUVWX"), nonce.begin());
  return nonce;
}

ErrorCode code_of(const auto& result) { return result.has_value() ? ErrorCode::internal : result.error().code; }

TEST(Xaes, SealsTheVectorsOfItsSpecification) {
  for (const Vector& v : kVectors) {
    const Bytes sealed = key_of(v.key_byte).seal(vector_nonce(), as_bytes(v.aad), as_bytes(kPlaintext));
    EXPECT_EQ(to_hex(sealed), v.sealed_hex);
  }
}

TEST(Xaes, OpensTheVectorsOfItsSpecification) {
  for (const Vector& v : kVectors) {
    const Bytes sealed = from_hex(v.sealed_hex).value_or(Bytes{});
    EXPECT_EQ(as_text(key_of(v.key_byte).open(vector_nonce(), as_bytes(v.aad), sealed).value()), kPlaintext);
    std::array<std::uint8_t, 64> out{};
    EXPECT_EQ(key_of(v.key_byte).open_into(vector_nonce(), as_bytes(v.aad), sealed, out), kPlaintext.size());
    EXPECT_EQ(as_text(ByteView(out).first(kPlaintext.size())), kPlaintext);
  }
}

TEST(Xaes, SealsAndOpensNothing) {
  const XaesKey key = key_of(7);
  const Bytes sealed = key.seal(vector_nonce(), {}, {});
  EXPECT_EQ(sealed.size(), kXaesTagSize);
  EXPECT_EQ(key.open(vector_nonce(), {}, sealed).value(), Bytes{});
}

TEST(Xaes, RefusesEveryFlippedBit) {
  const XaesKey key = key_of(7);
  const Bytes sealed = key.seal(vector_nonce(), as_bytes("bound"), as_bytes("a token"));
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes forged = sealed;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(code_of(key.open(vector_nonce(), as_bytes("bound"), forged)), ErrorCode::damaged) << "bit " << bit;
  }
}

TEST(Xaes, RefusesEveryFlippedBitOfTheNonce) {
  const XaesKey key = key_of(7);
  const Bytes sealed = key.seal(vector_nonce(), {}, as_bytes("a token"));
  for (std::size_t bit = 0; bit < kXaesNonceSize * 8; ++bit) {
    XaesNonce nonce = vector_nonce();
    nonce[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(code_of(key.open(nonce, {}, sealed)), ErrorCode::damaged) << "bit " << bit;
  }
}

TEST(Xaes, RefusesEveryTruncation) {
  const XaesKey key = key_of(7);
  const Bytes sealed = key.seal(vector_nonce(), {}, as_bytes("a token"));
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(code_of(key.open(vector_nonce(), {}, ByteView(sealed).first(size))), ErrorCode::damaged) << size;
  }
}

TEST(Xaes, RefusesAnotherKeyAndOtherAssociatedData) {
  const Bytes sealed = key_of(7).seal(vector_nonce(), as_bytes("bound"), as_bytes("a token"));
  EXPECT_EQ(code_of(key_of(8).open(vector_nonce(), as_bytes("bound"), sealed)), ErrorCode::damaged);
  EXPECT_EQ(code_of(key_of(7).open(vector_nonce(), as_bytes("bounds"), sealed)), ErrorCode::damaged);
  EXPECT_EQ(code_of(key_of(7).open(vector_nonce(), {}, sealed)), ErrorCode::damaged);
}

TEST(Xaes, LeavesNoUnverifiedPlaintextBehind) {
  const XaesKey key = key_of(7);
  Bytes sealed = key.seal(vector_nonce(), {}, as_bytes("a token"));
  sealed.back() ^= 1U;
  std::array<std::uint8_t, 7> out;
  out.fill(0xee);
  EXPECT_EQ(code_of(key.open_into(vector_nonce(), {}, sealed, out)), ErrorCode::damaged);
  EXPECT_THAT(out, Each(0));
}

TEST(Xaes, WantsRoomForThePlaintext) {
  const XaesKey key = key_of(7);
  const Bytes sealed = key.seal(vector_nonce(), {}, as_bytes("a token"));
  std::array<std::uint8_t, 6> out{};
  EXPECT_EQ(code_of(key.open_into(vector_nonce(), {}, sealed, out)), ErrorCode::invalid_argument);
}

TEST(Xaes, WantsKeysOf32Bytes) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{16}, std::size_t{31}, std::size_t{33}}) {
    EXPECT_EQ(code_of(XaesKey::from_bytes(Bytes(size, 1))), ErrorCode::invalid_argument) << size;
  }
}

TEST(Xaes, OneKeyServesMoreThreadsThanItHasSlots) {
  const XaesKey key = key_of(7);
  std::atomic<int> wrong{0};
  const auto work = [&](std::uint8_t who) {
    XaesNonce nonce{};
    nonce[0] = who;
    for (std::uint8_t round = 0; round < 200; ++round) {
      nonce[23] = round;
      const Bytes text(round, who);
      const Bytes sealed = key.seal(nonce, {}, text);
      if (key.open(nonce, {}, sealed).value_or(Bytes{0xff}) != text) ++wrong;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint8_t who = 0; who < 20; ++who) threads.emplace_back(work, who);
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace keyfob::crypto
