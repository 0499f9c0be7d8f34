// The accumulated test of c2sp.org/XAES-256-GCM: random keys, nonces, plaintexts and associated data out of SHAKE-128,
// every ciphertext absorbed into another SHAKE-128.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <memory>

#include "crypto/xaes.hpp"

namespace keyfob::crypto {
namespace {

constexpr std::size_t kRate = 168;

/// Keccak-f[1600] (FIPS 202 section 3.3), lanes in x + 5y order.
void permute(std::array<std::uint64_t, 25>& a) {
  static constexpr std::array<int, 25> kRotations = {0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                                                     25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};
  unsigned lfsr = 1;
  for (unsigned round = 0; round < 24; ++round) {
    std::array<std::uint64_t, 5> c{};
    for (std::size_t i = 0; i < 25; ++i) c[i % 5] ^= a[i];
    for (std::size_t i = 0; i < 25; ++i) a[i] ^= c[(i + 4) % 5] ^ std::rotl(c[(i + 1) % 5], 1);
    std::array<std::uint64_t, 25> b{};
    for (std::size_t x = 0; x < 5; ++x) {
      for (std::size_t y = 0; y < 5; ++y)
        b[y + 5 * ((2 * x + 3 * y) % 5)] = std::rotl(a[x + 5 * y], kRotations[x + 5 * y]);
    }
    for (std::size_t i = 0; i < 25; ++i) {
      const std::size_t row = i / 5 * 5;
      a[i] = b[i] ^ (~b[row + (i + 1) % 5] & b[row + (i + 2) % 5]);
    }
    for (unsigned j = 0; j < 7; ++j) {
      if ((lfsr & 1U) != 0) a[0] ^= std::uint64_t{1} << ((1U << j) - 1U);
      lfsr = ((lfsr << 1U) ^ ((lfsr >> 7U) * 0x71U)) & 0xffU;
    }
  }
}

/// The output of SHAKE-128 with empty input, piece by piece: OpenSSL 3.0 gives it in one piece only.
class Shake128OfNothing {
 public:
  Shake128OfNothing() {
    state_[0] = 0x1f;
    state_[kRate / 8 - 1] = std::uint64_t{1} << 63U;
  }
  std::uint8_t byte() {
    if (at_ == 0) permute(state_);
    const auto value = static_cast<std::uint8_t>(state_[at_ / 8] >> (at_ % 8 * 8));
    at_ = (at_ + 1) % kRate;
    return value;
  }
  Bytes bytes(std::size_t size) {
    Bytes out(size);
    for (std::uint8_t& b : out) b = byte();
    return out;
  }

 private:
  std::array<std::uint64_t, 25> state_{};
  std::size_t at_ = 0;
};

class Shake128Sink {
 public:
  Shake128Sink() { EVP_DigestInit_ex(context_.get(), EVP_shake128(), nullptr); }
  void absorb(ByteView bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    std::array<std::uint8_t, 32> out{};
    EVP_DigestFinalXOF(context_.get(), out.data(), out.size());
    return to_hex(out);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

/// Opens what it sealed as well, which the specification's own loop asks for.
std::string accumulated_hash(int rounds) {
  Shake128OfNothing source;
  Shake128Sink sink;
  for (int round = 0; round < rounds; ++round) {
    const XaesKey key = XaesKey::from_bytes(source.bytes(kXaesKeySize)).value();
    XaesNonce nonce;
    for (std::uint8_t& b : nonce) b = source.byte();
    const Bytes plaintext = source.bytes(source.byte());
    const Bytes aad = source.bytes(source.byte());
    const Bytes sealed = key.seal(nonce, aad, plaintext);
    sink.absorb(sealed);
    if (key.open(nonce, aad, sealed).value_or(Bytes{}) != plaintext) return "does not open what it sealed";
  }
  return sink.hex();
}

TEST(XaesAccumulated, TheSourceIsShake128) {
  Shake128OfNothing source;
  EXPECT_EQ(to_hex(source.bytes(16)), "7f9c2ba4e88f827d616045507605853e");
}

TEST(XaesAccumulated, TenThousandRoundsGiveThePublishedHash) {
  EXPECT_EQ(accumulated_hash(10'000), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

TEST(XaesAccumulated, OneMillionRoundsGiveThePublishedHash) {
  const char* soak = std::getenv("KEYFOB_SOAK");  // NOLINT(concurrency-mt-unsafe)
  if (soak == nullptr || std::string_view(soak) != "1") GTEST_SKIP() << "runs with KEYFOB_SOAK=1";
  EXPECT_EQ(accumulated_hash(1'000'000), "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15");
}

}  // namespace
}  // namespace keyfob::crypto
