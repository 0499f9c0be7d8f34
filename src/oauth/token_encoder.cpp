#include <algorithm>

#include "base/bytes.hpp"
#include "base/url.hpp"
#include "oauth/token_codec.hpp"

#ifndef KEYFOB_VERSION
#define KEYFOB_VERSION "0"
#endif

namespace keyfob::oauth {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void append_encoded(WipedString& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
}

void append_field(WipedString& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form.append(name);
  form += '=';
  append_encoded(form, value);
}

WipedString client_fields(std::string_view id, const ClientSecret& secret) {
  WipedString form = wiped_string();
  append_field(form, "client_id", id);
  if (!secret.empty()) append_field(form, "client_secret", reveal_secret(secret));
  return form;
}

struct GrantFields {
  WipedString operator()(const RefreshGrant& grant) const {
    WipedString form = wiped_string("grant_type=refresh_token");
    append_field(form, "refresh_token", reveal_secret(grant.refresh_token));
    return form;
  }
  WipedString operator()(const CodeGrant& grant) const {
    WipedString form = wiped_string("grant_type=authorization_code");
    append_field(form, "code", reveal_secret(grant.code));
    if (!grant.redirect_uri.empty()) append_field(form, "redirect_uri", grant.redirect_uri);
    if (!grant.code_verifier.empty()) append_field(form, "code_verifier", reveal_secret(grant.code_verifier));
    return form;
  }
  WipedString operator()(const ClientCredentialsGrant&) const { return wiped_string("grant_type=client_credentials"); }
};

WipedString basic_authorization(std::string_view id, const ClientSecret& secret) {
  WipedString plain = wiped_string();
  append_encoded(plain, id);
  plain += ':';
  append_encoded(plain, reveal_secret(secret));
  std::string encoded = to_base64(as_bytes(plain));
  WipedString value = wiped_string("Basic ", 6 + encoded.size() + 16);
  value.append(encoded);
  wipe(encoded.data(), encoded.size());
  return value;
}

/// Where a request goes and how its client proves itself.
struct Destination {
  std::string_view url;
  ClientAuth auth;
  std::string_view client_id;
  const ClientSecret& client_secret;
};

WipedString path_of(const Url& url) {
  WipedString out = wiped_string(url.target.starts_with('/') ? "" : "/");
  out.append(url.target);
  return out;
}

Result<EncodedRequest> encode(const ProviderProfile& profile, const Destination& to, WipedString form) {
  const auto url = split_url(to.url);
  if (!url)
    return fail(ErrorCode::invalid_argument, "provider " + profile.name + " has no usable URL for this request");
  EncodedRequest out{.origin = std::string(url->origin), .target = path_of(*url)};
  out.headers.emplace_back("User-Agent", wiped_string(user_agent(profile)));
  out.headers.emplace_back("Accept", wiped_string("application/json"));
  out.headers.emplace_back("Content-Type", wiped_string(kFormType));
  if (to.auth == ClientAuth::basic && !to.client_secret.empty()) {
    out.headers.emplace_back("Authorization", basic_authorization(to.client_id, to.client_secret));
    out.body = std::move(form);
  } else if (to.auth == ClientAuth::query) {
    out.target += url->target.find('?') == std::string_view::npos ? '?' : '&';
    out.target += client_fields(to.client_id, to.client_secret);
    out.target += '&';
    out.target += form;
  } else {
    form += '&';
    form += client_fields(to.client_id, to.client_secret);
    out.body = std::move(form);
  }
  out.headers.emplace_back("Content-Length", wiped_string(std::to_string(out.body.size())));
  return out;
}

}  // namespace

std::string user_agent(const ProviderProfile& profile) { return profile.user_agent + "/" KEYFOB_VERSION; }

Result<EncodedRequest> encode_request(const ProviderProfile& profile, const TokenRequest& request) {
  const bool as_application = std::holds_alternative<ClientCredentialsGrant>(request.grant);
  const Destination to{.url = as_application ? profile.app_token_url : profile.token_url,
                       .auth = as_application ? profile.app_client_auth : profile.client_auth,
                       .client_id = request.client_id,
                       .client_secret = request.client_secret};
  return encode(profile, to, std::visit(GrantFields{}, request.grant));
}

Result<EncodedRequest> encode_revocation(const ProviderProfile& profile, const RevocationRequest& request) {
  const Destination to{.url = profile.revoke.revocation_url,
                       .auth = profile.client_auth,
                       .client_id = request.client_id,
                       .client_secret = request.client_secret};
  WipedString form = wiped_string();
  append_field(form, "token", reveal_secret(request.token));
  append_field(form, "token_type_hint", "refresh_token");
  return encode(profile, to, std::move(form));
}

}  // namespace keyfob::oauth
