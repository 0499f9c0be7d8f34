#include <algorithm>

#include "base/url.hpp"
#include "core/application.hpp"
#include "core/limits.hpp"
#include "core/route_pattern.hpp"
#include "oauth/profiles.hpp"

namespace keyfob::oauth {
namespace {

using Check = Result<void>;

Check wrong(std::string what, std::string hint = {}) {
  return fail(ErrorCode::invalid_argument, std::move(what), std::move(hint));
}

bool is_token_char(char c) {
  const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alnum || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_char); }

Check check_name(std::string_view name) {
  const bool plain = std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
  if (!name.empty() && name.size() <= limits::kName && plain) return {};
  return wrong("name is not 1 to 64 of a-z 0-9 - _");
}

/// `field` empty is fine; templates such as {vehicle} are part of the path.
Check check_url(std::string_view field, std::string_view url) {
  if (url.empty()) return {};
  const std::string name(field);
  const auto parts = split_url(url);
  if (!parts) return wrong(name + " is not a URL", "write https://host/path, no user information, no fragment");
  if (url.size() > limits::kUrl) return wrong(name + " is longer than 2048 bytes");
  if (!parts->tls && !parts->loopback()) return wrong(name + " is plain http", "use https; http is for loopback only");
  return {};
}

Check check_urls(const ProviderProfile& p) {
  if (p.token_url.empty()) return wrong("token_url is missing", "every provider has a token endpoint");
  const std::pair<std::string_view, std::string_view> urls[] = {
      {"authorize_url", p.authorize_url},
      {"reauthenticate_url", p.reauthenticate_url},
      {"token_url", p.token_url},
      {"app_token_url", p.app_token_url},
      {"user_url", p.identity.user_url},
      {"vehicles_url", p.identity.vehicles_url},
      {"revocation_url", p.revoke.revocation_url},
      {"vehicle_url", p.revoke.vehicle_url},
  };
  for (const auto& [field, url] : urls) {
    if (auto ok = check_url(field, url); !ok) return ok;
  }
  if (!p.revoke.vehicle_url.empty() && p.revoke.vehicle_url.find("{vehicle}") == std::string::npos) {
    return wrong("vehicle_url does not contain {vehicle}");
  }
  return {};
}

Check check_times(const ProviderProfile& p) {
  const Milliseconds longest = days(3660);
  for (const Milliseconds ttl : {p.access_ttl, p.app_token_ttl, p.refresh_ttl}) {
    if (ttl < seconds(1) || ttl > longest) return wrong("a token lifetime is not between 1 second and 10 years");
  }
  if (p.reuse_window < Milliseconds(0) || p.reuse_window > days(1)) {
    return wrong("reuse_window is not between 0 and 1 day", "0s stands for a strict provider");
  }
  return {};
}

Check check_dead_grants(const ProviderProfile& p) {
  for (const DeadGrantRule& rule : p.dead_grant) {
    if (rule.error.empty() && rule.description_prefix.empty()) {
      return wrong("a dead_grant rule names neither error nor description", "a status alone would refuse too much");
    }
    if (rule.status != 0 && (rule.status < 400 || rule.status > 499)) {
      return wrong("a dead_grant rule has a status outside 400 to 499");
    }
  }
  return {};
}

Check check_attention(const ProviderProfile& p) {
  for (const AttentionRule& rule : p.attention) {
    if (rule.member.empty() || rule.value.empty()) return wrong("an attention rule lacks a member or a value");
    if (rule.status != 0 && (rule.status < 400 || rule.status > 499 || rule.status == 401)) {
      return wrong("an attention rule has a status outside 400 to 499, or 401", "a 401 is about the token");
    }
  }
  return {};
}

/// Each kind of credential has the one or two schemes in which it exists.
bool fits(CredentialKind credential, Scheme scheme) {
  switch (credential) {
    case CredentialKind::user:
    case CredentialKind::application: return scheme == Scheme::bearer;
    case CredentialKind::client: return scheme == Scheme::basic;
    case CredentialKind::management:
    case CredentialKind::none: return true;
  }
  return false;
}

Check check_inject(const RouteRule& route) {
  constexpr std::string_view kForbidden[] = {"authorization", "host", "content-length", "transfer-encoding",
                                             "connection"};
  for (const auto& [header, value] : route.inject) {
    std::string lower = header;
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (!is_token(header) || std::ranges::find(kForbidden, lower) != std::end(kForbidden))
      return wrong("inject: header '" + header + "' cannot be set");
    const bool plain = std::ranges::all_of(value, [](char c) { return c >= ' ' && c < 0x7f; });
    if (!plain || (value.find('{') != std::string::npos && value != "{provider_user}")) {
      return wrong("inject: the value for " + header + " is not plain text", "the only template is {provider_user}");
    }
  }
  return {};
}

Check check_route(const RouteRule& route) {
  auto pattern = parse_route_pattern(route.match);
  if (!pattern) return fail(std::move(pattern.error()));
  if (auto ok = check_url("origin", route.origin); !ok) return ok;
  const auto origin = split_url(route.origin);
  if (!origin || !origin->target.empty()) return wrong("origin is not scheme://host[:port]");
  if (!fits(route.credential, route.scheme)) {
    return wrong("a " + std::string(to_string(route.credential)) + " credential has no " +
                 std::string(to_string(route.scheme)) + " form");
  }
  if (!permission_from(route.permission)) return wrong("unknown permission '" + route.permission + "'");
  if (!route.when.empty() && route.when != "v3_credentials" && route.when != "no_v3_credentials") {
    return wrong("unknown condition '" + route.when + "'", "use v3_credentials or no_v3_credentials");
  }
  if (!std::ranges::all_of(route.methods, is_token)) return wrong("a method is not a token");
  return check_inject(route);
}

Check check_routes(const ProviderProfile& p) {
  for (const RouteRule& route : p.routes) {
    auto ok = check_route(route);
    if (ok) continue;
    ok.error().what = "route " + route.match + ": " + ok.error().what;
    return ok;
  }
  return {};
}

}  // namespace

Result<void> validate_profile(const ProviderProfile& profile) {
  for (auto check : {+[](const ProviderProfile& p) { return check_name(p.name); }, &check_urls, &check_times,
                     &check_dead_grants, &check_attention, &check_routes}) {
    auto ok = check(profile);
    if (ok) continue;
    ok.error().what = "provider " + profile.name + ": " + ok.error().what;
    return ok;
  }
  const bool agent = std::ranges::all_of(profile.user_agent, [](char c) { return c >= ' ' && c < 0x7f; });
  if (!agent || profile.user_agent.empty()) return wrong("provider " + profile.name + ": user_agent is not plain text");
  return {};
}

}  // namespace keyfob::oauth
