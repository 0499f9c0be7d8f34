#pragma once
// KeptTokens: how access tokens lie in memory between two requests: sealed under a key that this process has made for
// itself and that ends with it. A record out of the store is opened once, when it is put into memory, and its token is
// sealed anew; opening that again is cheap enough for every request.

#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/memory_cipher.hpp"

namespace keyfob::vault {

/// Any thread.
class KeptTokens {
 public:
  static constexpr std::size_t kKeySize = crypto::kMemoryKeySize;
  /// `key`: kKeySize fresh random bytes.
  explicit KeptTokens(const Secret& key);

  [[nodiscard]] Bytes keep(const AccessToken& token) const;
  [[nodiscard]] Result<AccessToken> open(ByteView kept) const;
  /// The hot path: writes the token to the front of `out` and answers its size. Does not allocate. damaged,
  /// invalid_argument: see MemoryCipher.
  [[nodiscard]] Result<std::size_t> open_into(ByteView kept, std::span<char> out) const;

 private:
  crypto::MemoryCipher cipher_;
};

}  // namespace keyfob::vault
