#pragma once
// What the vault's tests share: fixed keys and names, and matchers that read like sentences.

#include <gmock/gmock.h>

#include <string>

#include "vault/keyring.hpp"
#include "vault/pair.hpp"

namespace keyfob::vault::testing {

inline const AppId kApp("app_1");
inline const AppId kOtherApp("app_2");
inline const GrantId kGrant("grant_1");
inline constexpr GrantVersion kVersion{Generation(7), Epoch(2)};

inline Secret raw_key(std::uint8_t byte) { return Secret(as_text(Bytes(kDataKeySize, byte))); }

/// Key 1 for kApp, key 1 (another one) for kOtherApp.
inline KeyringPtr two_apps() {
  const std::array keys{KeyMaterial{kApp, DataKeyId(1), true, raw_key(0x11)},
                        KeyMaterial{kOtherApp, DataKeyId(1), true, raw_key(0x22)}};
  return Keyring::empty()->with(keys).value();
}

inline Nonce nonce_of(std::uint8_t byte) {
  Nonce nonce;
  nonce.fill(byte);
  return nonce;
}
inline PairNonces pair_nonces() { return {nonce_of(0xa1), nonce_of(0xa2)}; }
inline TokenPair plain_pair() { return {AccessToken("the-access-token"), RefreshToken("the-refresh-token")}; }

MATCHER_P(is_error, code, "") {
  if (arg.has_value()) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "which says " << to_string(arg.error().code) << ": " << arg.error().what;
  return arg.error().code == code;
}
MATCHER(is_ok, "") {
  if (!arg.has_value()) *result_listener << to_string(arg.error().code) << ": " << arg.error().what;
  return arg.has_value();
}
inline auto is_damaged() { return is_error(ErrorCode::damaged); }

/// Calls `expect` with `bytes` once for each single bit flipped.
template <class Expect>
void for_each_flipped_bit(const Bytes& bytes, Expect expect) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    SCOPED_TRACE("bit " + std::to_string(bit));
    Bytes forged = bytes;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    expect(forged);
  }
}

/// Calls `expect` with every proper prefix of `bytes`.
template <class Expect>
void for_each_truncation(const Bytes& bytes, Expect expect) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE("cut to " + std::to_string(size));
    expect(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

}  // namespace keyfob::vault::testing
