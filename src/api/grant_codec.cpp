#include "api/grant_codec.hpp"

#include <array>

#include "api/body_reader.hpp"

namespace keyfob::api {
namespace {

constexpr std::array<std::string_view, 9> kFields = {"user",          "vehicles",      "access_token",
                                                     "refresh_token", "expires_in",    "refresh_expires_in",
                                                     "scope",         "provider_user", "single_select"};

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

Answer<engine::NewGrant> read_new_grant(std::string_view json) {
  BodyReader body(json, kFields);
  engine::NewGrant grant;
  grant.user = UserId(body.text("user", Need::required));
  for (std::string& vehicle : body.texts("vehicles")) grant.vehicles.emplace_back(std::move(vehicle));
  grant.pair.access = body.secret<AccessToken>("access_token", Need::required);
  grant.pair.refresh = body.secret<RefreshToken>("refresh_token", Need::required);
  grant.expires_in = body.duration("expires_in", Need::required).value_or(Milliseconds(0));
  grant.refresh_expires_in = body.duration("refresh_expires_in");
  grant.scope = joined(body.words("scope"));
  grant.provider_user = ProviderUserId(body.text("provider_user"));
  grant.single_select = body.flag("single_select");
  if (body.error()) return refuse(*body.error());
  return grant;
}

}  // namespace keyfob::api
