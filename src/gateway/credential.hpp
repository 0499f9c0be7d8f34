#pragma once
// What the gateway adds to a forwarded request. The only file of the gateway that opens secrets.

#include <string_view>

#include "base/secret.hpp"
#include "gateway/plan.hpp"
#include "http/header_block.hpp"

namespace keyfob::gateway {

/// Whom a request is for, as views.
struct SubjectNames {
  std::string_view user{};
  std::string_view provider_user{};
  std::string_view vehicle{};
};

/// All false when something cannot be sent as a header (too long, control bytes): then nothing may be forwarded.
[[nodiscard]] bool inject_token(http::HeaderBlock& out, Scheme scheme, std::string_view token);
[[nodiscard]] bool inject_token(http::HeaderBlock& out, Scheme scheme, const AccessToken& token);
/// `authorization` is the whole value of the header.
[[nodiscard]] bool inject_authorization(http::HeaderBlock& out, std::string_view authorization);
[[nodiscard]] bool inject_authorization(http::HeaderBlock& out, const Secret& authorization);
[[nodiscard]] bool inject_names(http::HeaderBlock& out, const RoutePlan& route, const SubjectNames& names);

}  // namespace keyfob::gateway
