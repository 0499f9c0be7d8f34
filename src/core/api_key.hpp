#pragma once
// ApiKey: the text form of a caller's key, `kf_<id>_<secret>`. Pure text: hashing and comparing belong to access/.
//
// id: 12 to 32 characters of a-z and 0-9, public. secret: 32 random bytes in base64url without padding, 43 characters.
// What a store keeps (CallerRecord::secret_hash) is the SHA-256 of the secret's text, not of the bytes behind it.

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/secret.hpp"

namespace keyfob {

inline constexpr std::size_t kApiKeySecretBytes = 32;
inline constexpr std::size_t kApiKeySecretText = 43;

/// Views into the text given to parse_api_key.
struct ApiKeyParts {
  std::string_view id;
  std::string_view secret;
};

/// Empty when the text does not have the form. Says nothing about whether the key is anybody's.
[[nodiscard]] std::optional<ApiKeyParts> parse_api_key(std::string_view text);

/// A key out of 32 random bytes, which the caller wipes; empty when the id or the number of bytes does not fit the
/// form.
[[nodiscard]] std::optional<Secret> make_api_key(const CallerId& id, ByteView random);

}  // namespace keyfob
