#include "apps/keyfob/profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace keyfob::node {
namespace {

/// config/ checked the words already; what is not known stays as the profile has it.
template <class T, class Parse>
std::optional<T> word(const std::optional<std::string>& text, Parse parse) {
  return text ? parse(*text) : std::nullopt;
}

std::vector<DeadGrantRule> dead_grant_rules(const std::vector<config::DeadGrantConfig>& rules) {
  std::vector<DeadGrantRule> out;
  out.reserve(rules.size());
  for (const auto& rule : rules) out.push_back({rule.status, rule.error, rule.description_prefix});
  return out;
}

RouteRule route_rule(const config::RouteConfig& route) {
  RouteRule out;
  out.match = route.match;
  out.origin = route.origin;
  out.credential = oauth::credential_kind_from(route.credential).value_or(CredentialKind::user);
  out.scheme = oauth::scheme_from(route.scheme).value_or(Scheme::bearer);
  out.methods = route.methods;
  out.permission = route.permission;
  out.inject = route.inject;
  out.needs_user = route.needs_user;
  out.when = route.when;
  return out;
}

oauth::ProfileOverrides overrides_of(const config::ProviderConfig& c) {
  oauth::ProfileOverrides o;
  o.all_origins = c.all_origins;
  o.authorize_url = c.authorize_url;
  o.token_url = c.token_url;
  o.app_token_url = c.app_token_url;
  o.revocation_url = c.revocation_url;
  o.user_url = c.user_url;
  o.vehicles_url = c.vehicles_url;
  o.client_auth = word<ClientAuth>(c.client_auth, oauth::client_auth_from);
  o.pkce = c.pkce;
  o.rotation = word<Rotation>(c.rotation, oauth::rotation_from);
  o.late_reuse = c.late_reuse;
  o.access_ttl = c.access_ttl;
  o.refresh_ttl = c.refresh_ttl;
  o.reuse_window = c.reuse_window;
  if (c.dead_grant) o.dead_grant = dead_grant_rules(*c.dead_grant);
  if (c.routes) {
    std::vector<RouteRule> routes;
    for (const auto& route : *c.routes) routes.push_back(route_rule(route));
    o.routes = std::move(routes);
  }
  return o;
}

/// What the profile's own overrides do not know.
void apply_rest(const config::ProviderConfig& c, ProviderProfile& profile) {
  if (auto auth = word<ClientAuth>(c.app_client_auth, oauth::client_auth_from)) profile.app_client_auth = *auth;
  if (c.user_agent) profile.user_agent = *c.user_agent;
  if (c.app_token_ttl) profile.app_token_ttl = *c.app_token_ttl;
  if (c.authorize_params) profile.authorize_params = *c.authorize_params;
  if (c.attention) {
    profile.attention.clear();
    for (const auto& rule : *c.attention) profile.attention.push_back({rule.status, rule.member, rule.value});
  }
  if (c.user_field) profile.identity.user_field = *c.user_field;
  if (c.vehicles_field) profile.identity.vehicles_field = *c.vehicles_field;
}

Result<ProviderProfile> profile_of(const config::ProviderConfig& c) {
  auto profile = oauth::make_profile(c.name, overrides_of(c));
  if (profile) {
    apply_rest(c, *profile);
    if (auto valid = oauth::validate_profile(*profile); !valid) profile = fail(valid.error());
  }
  if (profile) return profile;
  Error error = profile.error();
  error.what = fmt::format("[providers.{}]: {}", c.name, error.what);
  return fail(std::move(error));
}

}  // namespace

Result<oauth::ProfileTable> make_profiles(const config::Config& config) {
  oauth::ProfileTable table;
  for (const auto name : oauth::builtin_profile_names())
    if (auto profile = oauth::builtin_profile(name)) table.emplace(name, std::move(*profile));
  for (const auto& provider : config.providers) {
    auto profile = profile_of(provider);
    if (!profile) return fail(profile.error());
    table.insert_or_assign(provider.name, std::move(*profile));
  }
  return table;
}

}  // namespace keyfob::node
