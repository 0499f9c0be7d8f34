#include "oauth/authorize_url.hpp"

#include <algorithm>

namespace keyfob::oauth {
namespace {

/// A query under construction on some URL.
class Query {
 public:
  explicit Query(std::string url) : url_(std::move(url)), first_(url_.find('?') == std::string::npos) {}

  void add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    url_ += first_ ? '?' : '&';
    first_ = false;
    encode(name);
    url_ += '=';
    encode(value);
  }
  [[nodiscard]] std::string take() { return std::move(url_); }

 private:
  void encode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char c : text) {
      if (kPlain.find(c) != std::string_view::npos) {
        url_ += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      url_ += '%';
      url_ += kHex[byte >> 4U];
      url_ += kHex[byte & 15U];
    }
  }

  std::string url_;
  bool first_;
};

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// Simulated cars have VINs with letters that ISO 3779 leaves out, so any letter is taken.
bool is_vin(std::string_view text) {
  return text.size() == 17 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

Result<void> check(const ProviderProfile& profile, const ConsentUrlRequest& request) {
  const auto wrong = [](std::string what) { return fail(ErrorCode::invalid_argument, std::move(what)); };
  if (profile.authorize_url.empty()) return wrong("provider " + profile.name + " has no authorize_url");
  if (request.client_id.empty()) return wrong("the consent URL needs a client id");
  if (request.state.empty()) return wrong("the consent URL needs a state");
  if (!request.single_select_vin.empty() && !is_vin(request.single_select_vin)) return wrong("not a VIN");
  if (profile.pkce && request.code_challenge.empty()) return wrong("provider " + profile.name + " wants PKCE");
  return {};
}

}  // namespace

Result<std::string> consent_url(const ProviderProfile& profile, const ConsentUrlRequest& request) {
  if (auto ok = check(profile, request); !ok) return fail(std::move(ok.error()));
  Query query(profile.authorize_url);
  query.add("response_type", "code");
  query.add("client_id", request.client_id);
  query.add("redirect_uri", request.redirect_uri);
  query.add("scope", joined(request.scopes));
  query.add("state", request.state);
  query.add(profile.mode_param, profile.mode_param.empty() ? "" : request.mode == Mode::live ? "live" : "simulated");
  query.add("approval_prompt", request.force ? "force" : "");
  query.add("make", request.make);
  query.add("single_select", request.single_select || !request.single_select_vin.empty() ? "true" : "");
  query.add("single_select_vin", request.single_select_vin);
  query.add("flags", request.flags);
  query.add("user", request.user);
  query.add("external_id", request.external_id);
  query.add("code_challenge", request.code_challenge);
  query.add("code_challenge_method", request.code_challenge.empty() ? "" : "S256");
  for (const auto& [name, value] : profile.authorize_params) query.add(name, value);
  return query.take();
}

Result<std::string> reauthenticate_url(const ProviderProfile& profile, const ReauthenticateUrlRequest& request) {
  if (profile.reauthenticate_url.empty()) {
    return fail(ErrorCode::not_found, "provider " + profile.name + " has no page for re-authentication",
                "send the owner through consent again");
  }
  if (request.client_id.empty() || request.vehicle.empty() || request.redirect_uri.empty()) {
    return fail(ErrorCode::invalid_argument, "re-authentication needs client id, vehicle and redirect URI");
  }
  Query query(profile.reauthenticate_url);
  query.add("response_type", "vehicle_id");
  query.add("client_id", request.client_id);
  query.add("vehicle_id", request.vehicle.view());
  query.add("redirect_uri", request.redirect_uri);
  query.add("state", request.state);
  query.add("user", request.user);
  return query.take();
}

}  // namespace keyfob::oauth
