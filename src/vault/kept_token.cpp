#include "vault/kept_token.hpp"

#include <string>

namespace keyfob::vault {

KeptTokens::KeptTokens(const Secret& key) : cipher_(as_bytes(reveal_secret(key)).first<kKeySize>()) {}

Bytes KeptTokens::keep(const AccessToken& token) const { return cipher_.seal(as_bytes(reveal_secret(token))); }

Result<AccessToken> KeptTokens::open(ByteView kept) const {
  std::string text(kept.size(), '\0');
  const Result<std::size_t> size = open_into(kept, text);
  if (!size) return fail(size.error());
  AccessToken token(std::string_view(text).substr(0, *size));
  wipe(text.data(), text.size());
  return token;
}

Result<std::size_t> KeptTokens::open_into(ByteView kept, std::span<char> out) const {
  return cipher_.open_into(kept, {reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
}

}  // namespace keyfob::vault
