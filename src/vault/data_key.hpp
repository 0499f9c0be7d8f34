#pragma once
// Data keys: one per application (more while a rotation is under way), 32 random bytes. The raw bytes exist while a key
// is made, wrapped or unwrapped; what stays is derived from them (docs/spec/sealed-record.md, "Keys").

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/hash.hpp"
#include "crypto/xaes.hpp"

namespace keyfob::vault {

inline constexpr std::size_t kDataKeySize = 32;

/// A raw data key out of 32 random bytes, which the caller wipes.
[[nodiscard]] Secret new_data_key(std::span<const std::uint8_t, kDataKeySize> random);

/// The context that a KeyProvider binds to the wrapped key, so that it cannot become another application's key.
[[nodiscard]] Bytes wrap_context(const AppId& app, DataKeyId id);

/// A data key ready for use: sealing key and association key. Immutable, any thread.
class DataKey {
 public:
  /// invalid_argument: not 32 bytes, or the id is 0 or wider than 32 bits.
  [[nodiscard]] static Result<DataKey> from_raw(DataKeyId id, const Secret& raw);
  [[nodiscard]] DataKeyId id() const { return id_; }
  [[nodiscard]] const crypto::XaesKey& sealing() const { return sealing_; }
  [[nodiscard]] const crypto::MacKey& association() const { return association_; }

 private:
  DataKey(DataKeyId id, crypto::XaesKey sealing, crypto::MacKey association);
  DataKeyId id_;
  crypto::XaesKey sealing_;
  crypto::MacKey association_;
};

}  // namespace keyfob::vault
