#include "oauth/profiles.hpp"

#include <array>
#include <utility>

#include "base/url.hpp"
#include "oauth/smartcar_profile.hpp"

namespace keyfob::oauth {
namespace {

template <class Enum, std::size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Names<ClientAuth, 3> kClientAuths = {
    {{ClientAuth::basic, "basic"}, {ClientAuth::body, "body"}, {ClientAuth::query, "query"}}};
constexpr Names<Rotation, 2> kRotations = {{{Rotation::required, "required"}, {Rotation::optional, "optional"}}};
constexpr Names<CredentialKind, 5> kCredentialKinds = {{{CredentialKind::user, "user"},
                                                        {CredentialKind::application, "application"},
                                                        {CredentialKind::management, "management"},
                                                        {CredentialKind::client, "client"},
                                                        {CredentialKind::none, "none"}}};
constexpr Names<Scheme, 2> kSchemes = {{{Scheme::bearer, "bearer"}, {Scheme::basic, "basic"}}};

template <class Enum, std::size_t N>
std::string_view name_of(const Names<Enum, N>& names, Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "unknown";
}

template <class Enum, std::size_t N>
std::optional<Enum> value_of(const Names<Enum, N>& names, std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

template <class T>
void take(T& field, const std::optional<T>& value) {
  if (value) field = *value;
}

ProviderProfile plain_profile(std::string_view name) {
  ProviderProfile profile;
  profile.name = name;
  profile.reuse_window = Milliseconds(0);
  profile.dead_grant = {{.error = "invalid_grant"}};
  return profile;
}

}  // namespace

std::vector<std::string_view> builtin_profile_names() { return {"smartcar"}; }

std::optional<ProviderProfile> builtin_profile(std::string_view name) {
  if (name == "smartcar") return smartcar_profile();
  return std::nullopt;
}

ProviderProfile with_all_origins(ProviderProfile profile, std::string_view origin) {
  for (std::string* url : {&profile.authorize_url, &profile.reauthenticate_url, &profile.token_url,
                           &profile.app_token_url, &profile.identity.user_url, &profile.identity.vehicles_url,
                           &profile.revoke.revocation_url, &profile.revoke.vehicle_url}) {
    *url = rebase_url(*url, origin);
  }
  for (RouteRule& route : profile.routes) route.origin = origin;
  return profile;
}

Result<ProviderProfile> make_profile(std::string_view name, const ProfileOverrides& overrides) {
  ProviderProfile profile = builtin_profile(name).value_or(plain_profile(name));
  take(profile.routes, overrides.routes);
  if (overrides.all_origins) {
    const auto origin = split_url(*overrides.all_origins);
    if (!origin || (!origin->target.empty() && origin->target != "/")) {
      return fail(ErrorCode::invalid_argument, "provider " + profile.name + ": all_origins is not an origin",
                  "write scheme://host:port without a path");
    }
    profile = with_all_origins(std::move(profile), origin->origin);
  }
  take(profile.authorize_url, overrides.authorize_url);
  take(profile.token_url, overrides.token_url);
  take(profile.app_token_url, overrides.app_token_url);
  take(profile.revoke.revocation_url, overrides.revocation_url);
  take(profile.identity.user_url, overrides.user_url);
  take(profile.identity.vehicles_url, overrides.vehicles_url);
  take(profile.client_auth, overrides.client_auth);
  take(profile.pkce, overrides.pkce);
  take(profile.rotation, overrides.rotation);
  take(profile.late_reuse, overrides.late_reuse);
  take(profile.access_ttl, overrides.access_ttl);
  take(profile.refresh_ttl, overrides.refresh_ttl);
  take(profile.reuse_window, overrides.reuse_window);
  take(profile.dead_grant, overrides.dead_grant);
  if (auto valid = validate_profile(profile); !valid) return fail(std::move(valid.error()));
  return profile;
}

std::string_view to_string(ClientAuth value) { return name_of(kClientAuths, value); }
std::string_view to_string(Rotation value) { return name_of(kRotations, value); }
std::string_view to_string(CredentialKind value) { return name_of(kCredentialKinds, value); }
std::string_view to_string(Scheme value) { return name_of(kSchemes, value); }
std::optional<ClientAuth> client_auth_from(std::string_view name) { return value_of(kClientAuths, name); }
std::optional<Rotation> rotation_from(std::string_view name) { return value_of(kRotations, name); }
std::optional<CredentialKind> credential_kind_from(std::string_view name) { return value_of(kCredentialKinds, name); }
std::optional<Scheme> scheme_from(std::string_view name) { return value_of(kSchemes, name); }

}  // namespace keyfob::oauth
