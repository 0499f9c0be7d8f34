#include <algorithm>

#include "core/limits.hpp"
#include "oauth/redact.hpp"
#include "oauth/token_codec.hpp"
#include "oauth/token_json.hpp"

namespace keyfob::oauth {
namespace {

constexpr std::size_t kPeerText = 300;

/// Everything that the verdict looks at.
struct Evidence {
  const ProviderProfile& profile;
  const RawAnswer& raw;
  const TokenJson& json;
  bool success = false;        ///< 2xx
  bool wants_refresh = false;  ///< this profile and this grant need a refresh token
  bool has_access = false;
  bool has_refresh = false;
};

enum class TokenForm : std::uint8_t { absent, usable, unusable };

/// RFC 6749 appendix A.12 and A.17 allow spaces, but no header and no provider takes them.
TokenForm form_of(std::string_view token) {
  if (token.empty()) return TokenForm::absent;
  const bool sendable = std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; });
  return sendable && token.size() <= limits::kToken ? TokenForm::usable : TokenForm::unusable;
}

bool starts_html(const RawAnswer& raw) {
  const auto first = raw.body.find_first_not_of(" \t\r\n");
  return raw.content_type.find("html") != std::string_view::npos ||
         (first != std::string_view::npos && raw.body[first] == '<');
}

bool is_dead_grant(const Evidence& e) {
  return std::ranges::any_of(e.profile.dead_grant, [&](const DeadGrantRule& rule) {
    const std::string_view description = e.json.description;
    return (rule.status == 0 || rule.status == e.raw.status) &&
           (rule.error.empty() || rule.error == std::string_view(e.json.error)) &&
           description.starts_with(rule.description_prefix) && !(e.json.error.empty() && description.empty());
  });
}

bool is_configuration_error(const Evidence& e) {
  return std::ranges::find(e.profile.configuration_errors, std::string_view(e.json.error)) !=
         e.profile.configuration_errors.end();
}

/// Some providers send their errors with status 200.
Disposition judge_success(const Evidence& e) {
  if (e.json.whole && e.has_access && (e.has_refresh || !e.wants_refresh)) return Disposition::done;
  if (e.has_access || e.has_refresh || e.json.error.empty()) return Disposition::unknown;
  if (is_dead_grant(e)) return Disposition::refused;
  return is_configuration_error(e) ? Disposition::configuration : Disposition::unknown;
}

Disposition judge_client_error(const Evidence& e) {
  if (e.raw.status == 429) return Disposition::throttled;
  if (is_dead_grant(e)) return Disposition::refused;
  if (e.raw.status == 401 || is_configuration_error(e)) return Disposition::configuration;
  if (e.raw.status != 400 || starts_html(e.raw)) return Disposition::transient;
  return e.raw.cut && !e.json.whole ? Disposition::unknown : Disposition::suspicious;
}

Disposition judge(const Evidence& e) {
  if (e.success) return judge_success(e);
  if (e.raw.status >= 300 && e.raw.status < 400) return Disposition::transient;
  if (e.raw.status >= 400 && e.raw.status < 500) return judge_client_error(e);
  return Disposition::unknown;
}

/// Our own short word for an answer that has none.
std::string_view word_for(const Evidence& e) {
  if (!e.success) return starts_html(e.raw) ? "html_error_page" : "no_error_given";
  if (!e.json.whole) return e.raw.cut ? "cut_short" : starts_html(e.raw) ? "html_with_200" : "not_json";
  if (form_of(e.json.access_token) == TokenForm::unusable) return "unusable_access_token";
  if (form_of(e.json.refresh_token) == TokenForm::unusable) return "unusable_refresh_token";
  return e.has_access ? "missing_refresh_token" : "missing_access_token";
}

struct AddGrantSecrets {
  Redactor& redactor;
  void operator()(const RefreshGrant& grant) const { redactor.add(reveal_secret(grant.refresh_token)); }
  void operator()(const CodeGrant& grant) const {
    redactor.add(reveal_secret(grant.code));
    redactor.add(reveal_secret(grant.code_verifier));
  }
  void operator()(const ClientCredentialsGrant&) const {}
};

/// The value of a Basic header gives the client secret away too.
void add_basic_credentials(Redactor& redactor, const TokenRequest& request) {
  WipedString plain = wiped_string(request.client_id);
  plain += ':';
  plain += reveal_secret(request.client_secret);
  std::string encoded = to_base64(as_bytes(plain));
  redactor.add(encoded);
  wipe(encoded.data(), encoded.size());
}

Redactor redactor_for(const TokenRequest& request, const TokenJson& json) {
  Redactor redactor;
  redactor.add(reveal_secret(request.client_secret));
  if (!request.client_secret.empty()) add_basic_credentials(redactor, request);
  std::visit(AddGrantSecrets{redactor}, request.grant);
  redactor.add(json.access_token);
  redactor.add(json.refresh_token);
  return redactor;
}

void keep_tokens(const Evidence& e, TokenAnswer& out) {
  if (e.has_access) out.access.emplace(e.json.access_token);
  if (e.has_refresh) out.refresh.emplace(e.json.refresh_token);
  out.expires_in = e.json.expires_in;
  out.refresh_expires_in = e.json.refresh_expires_in;
}

/// A scope that is not clean text, or that holds a secret, is no scope.
std::string clean_scope(const TokenJson& json, const Redactor& redactor) {
  if (json.scope.empty() || json.scope.size() > limits::kScope) return {};
  const std::string_view scope = json.scope;
  for (std::size_t at = 0; at < scope.size(); at += 1024) {
    const std::string_view part = scope.substr(at, 1040);
    if (redactor.apply(part, part.size()) != part) return {};
  }
  return std::string(scope);
}

}  // namespace

TokenAnswer decode_answer(const ProviderProfile& profile, const TokenRequest& request, const RawAnswer& answer,
                          WallTime now) {
  const TokenJson json = read_token_json(answer.body.substr(0, limits::kTokenAnswer));
  Evidence e{.profile = profile, .raw = answer, .json = json};
  e.success = answer.status >= 200 && answer.status < 300;
  e.wants_refresh =
      profile.rotation == Rotation::required && !std::holds_alternative<ClientCredentialsGrant>(request.grant);
  e.has_access = e.success && form_of(json.access_token) == TokenForm::usable;
  e.has_refresh = e.success && form_of(json.refresh_token) == TokenForm::usable;

  TokenAnswer out{.disposition = judge(e), .status = answer.status};
  keep_tokens(e, out);
  out.retry_after = parse_retry_after(answer.retry_after, now);
  const Redactor redactor = redactor_for(request, json);
  out.scope = clean_scope(json, redactor);
  if (out.disposition == Disposition::done) return out;
  out.error = redactor.apply(json.error, kPeerText);
  if (out.error.empty()) out.error = word_for(e);
  out.detail = redactor.apply(json.description, kPeerText);
  return out;
}

}  // namespace keyfob::oauth
