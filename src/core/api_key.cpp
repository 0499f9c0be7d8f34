#include "core/api_key.hpp"

#include <algorithm>
#include <string>

namespace keyfob {
namespace {

constexpr std::string_view kPrefix = "kf_";

bool is_id_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_secret_char(char c) { return is_id_char(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }

bool is_id(std::string_view text) {
  return text.size() >= 12 && text.size() <= 32 && std::ranges::all_of(text, is_id_char);
}

}  // namespace

std::optional<ApiKeyParts> parse_api_key(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  // base64url has '_' in its alphabet, the id has not: the first one ends the id.
  const auto end = text.find('_');
  if (end == std::string_view::npos) return std::nullopt;
  const ApiKeyParts parts{text.substr(0, end), text.substr(end + 1)};
  if (!is_id(parts.id) || parts.secret.size() != kApiKeySecretText) return std::nullopt;
  if (!std::ranges::all_of(parts.secret, is_secret_char)) return std::nullopt;
  return parts;
}

std::optional<Secret> make_api_key(const CallerId& id, ByteView random) {
  if (random.size() != kApiKeySecretBytes || !is_id(id.view())) return std::nullopt;
  std::string secret = to_base64url(random);
  std::string text;
  text.reserve(kPrefix.size() + id.view().size() + 1 + secret.size());
  text.append(kPrefix).append(id.view()).append("_").append(secret);
  Secret key{std::string_view(text)};
  wipe(secret.data(), secret.size());
  wipe(text.data(), text.size());
  return key;
}

}  // namespace keyfob
