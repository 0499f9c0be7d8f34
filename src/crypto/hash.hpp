#pragma once
// SHA-256, HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869). Any thread.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/secure_memory.hpp"

namespace keyfob::crypto {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(ByteView data);

[[nodiscard]] Digest hmac_sha256(ByteView key, ByteView data);
/// Lower-case hex, as webhooks carry it.
[[nodiscard]] std::string hmac_sha256_hex(ByteView key, ByteView data);

/// Extract with an empty salt, then expand. `out` is at most 255 * 32 bytes.
void hkdf_sha256(ByteView key, std::string_view info, std::span<std::uint8_t> out);
/// The same, straight into the secure heap.
[[nodiscard]] SecureBytes derive_key(ByteView key, std::string_view info, std::size_t size = 32);

/// A key for HMAC-SHA256, kept in the secure heap.
class MacKey {
 public:
  /// invalid_argument: fewer than 32 bytes.
  [[nodiscard]] static Result<MacKey> from_bytes(ByteView key);
  [[nodiscard]] Digest mac(ByteView data) const;
  /// Constant time.
  [[nodiscard]] bool verify(ByteView data, ByteView mac) const;

 private:
  explicit MacKey(SecureBytes key) : key_(std::move(key)) {}
  SecureBytes key_;
};

}  // namespace keyfob::crypto
