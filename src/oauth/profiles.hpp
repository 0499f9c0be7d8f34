#pragma once
// Provider profiles: the built-in ones, what a configuration may override, and what makes a profile acceptable.
// Pure values; any thread.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/provider.hpp"

namespace keyfob::oauth {

/// Profiles by name.
using ProfileTable = std::map<std::string, ProviderProfile, std::less<>>;

/// What a configuration writes under [providers.NAME]. Empty: as the built-in profile (or the default) has it.
struct ProfileOverrides {
  std::optional<std::string> all_origins{};  ///< every URL of the profile on this origin; single URLs below win over it
  std::optional<std::string> authorize_url{};
  std::optional<std::string> token_url{};
  std::optional<std::string> app_token_url{};
  std::optional<std::string> revocation_url{};
  std::optional<std::string> user_url{};
  std::optional<std::string> vehicles_url{};
  std::optional<ClientAuth> client_auth{};
  std::optional<bool> pkce{};
  std::optional<Rotation> rotation{};
  std::optional<bool> late_reuse{};
  std::optional<Milliseconds> access_ttl{};
  std::optional<Milliseconds> refresh_ttl{};
  std::optional<Milliseconds> reuse_window{};
  std::optional<std::vector<DeadGrantRule>> dead_grant{};  ///< replaces the whole list
  std::optional<std::vector<RouteRule>> routes{};          ///< replaces the whole list
};

/// Names of the built-in profiles, sorted.
[[nodiscard]] std::vector<std::string_view> builtin_profile_names();

/// The built-in profile of that name; every value of it is from the provider's public documentation.
[[nodiscard]] std::optional<ProviderProfile> builtin_profile(std::string_view name);

/// Every URL and route origin of the profile on `origin` ("http://127.0.0.1:7421"), paths kept: a simulator or a test
/// double. Empty URLs stay empty.
[[nodiscard]] ProviderProfile with_all_origins(ProviderProfile profile, std::string_view origin);

/// The profile that a configuration describes: the built-in one of that name, else a plain RFC 6749 provider (Basic
/// authentication, rotation required, strict, `invalid_grant` is a refusal), with the overrides applied and validated.
[[nodiscard]] Result<ProviderProfile> make_profile(std::string_view name, const ProfileOverrides& overrides);

/// invalid_argument names the field and the rule it breaks: a missing token_url, a URL that is not https (http is for
/// loopback only), a pattern that cannot be parsed, a credential that does not fit its scheme, an unknown permission or
/// condition, lifetimes out of range, a dead_grant rule that would match anything.
[[nodiscard]] Result<void> validate_profile(const ProviderProfile& profile);

[[nodiscard]] std::string_view to_string(ClientAuth value);
[[nodiscard]] std::string_view to_string(Rotation value);
[[nodiscard]] std::string_view to_string(CredentialKind value);
[[nodiscard]] std::string_view to_string(Scheme value);
[[nodiscard]] std::optional<ClientAuth> client_auth_from(std::string_view name);
[[nodiscard]] std::optional<Rotation> rotation_from(std::string_view name);
[[nodiscard]] std::optional<CredentialKind> credential_kind_from(std::string_view name);
[[nodiscard]] std::optional<Scheme> scheme_from(std::string_view name);

}  // namespace keyfob::oauth
