#pragma once
// XaesKey: XAES-256-GCM (c2sp.org/XAES-256-GCM), an AEAD with a 192-bit nonce that may be drawn at random for about
// 2^80 messages. Not misuse resistant, not key committing.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace keyfob::crypto {

inline constexpr std::size_t kXaesKeySize = 32;
inline constexpr std::size_t kXaesNonceSize = 24;
inline constexpr std::size_t kXaesTagSize = 16;
/// Largest plaintext and largest associated data. More is a programming error and throws std::length_error.
inline constexpr std::size_t kXaesMaxSize = std::size_t{16} << 20U;

using XaesNonce = std::array<std::uint8_t, kXaesNonceSize>;
using XaesNonceView = std::span<const std::uint8_t, kXaesNonceSize>;

/// One key with its subkey K1 prepared. Const members may be used by any number of threads at once; they neither
/// allocate (after a thread's first call) nor look algorithms up. Key and expanded key are wiped on destruction; a
/// thread's scratch context keeps the one-message key it derived last until its next call or its end.
class XaesKey {
 public:
  /// invalid_argument: not 32 bytes.
  [[nodiscard]] static Result<XaesKey> from_bytes(ByteView key);
  XaesKey(XaesKey&&) noexcept;
  XaesKey& operator=(XaesKey&&) noexcept;
  ~XaesKey();

  /// ciphertext || tag.
  [[nodiscard]] Bytes seal(XaesNonceView nonce, ByteView aad, ByteView plaintext) const;
  /// Writes plaintext.size() + kXaesTagSize bytes to the front of `out`, which must have the room.
  void seal_into(XaesNonceView nonce, ByteView aad, ByteView plaintext, std::span<std::uint8_t> out) const;

  /// damaged: does not verify, for whatever reason. The plaintext is the caller's to wipe.
  [[nodiscard]] Result<Bytes> open(XaesNonceView nonce, ByteView aad, ByteView sealed) const;
  /// The hot path. Answers the plaintext's size; `out` must hold sealed.size() - kXaesTagSize bytes (else
  /// invalid_argument) and is wiped when the answer is an error.
  [[nodiscard]] Result<std::size_t> open_into(XaesNonceView nonce, ByteView aad, ByteView sealed,
                                              std::span<std::uint8_t> out) const;

 private:
  class State;
  explicit XaesKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keyfob::crypto
