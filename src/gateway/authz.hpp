#pragma once
// Authz: the question of another gateway: may this request pass, and with which headers? It is asked about the request
// that the other gateway holds, in one of two forms, and decided by the rules of a call through this gateway.
//
// nginx's auth_request: "GET /v1/authz" with X-Original-Method and X-Original-URI.
// Envoy's HTTP ext_authz: the original method, and the original target behind the path prefix "/v1/authz".

#include <optional>
#include <string_view>

#include "http/exchange.hpp"

namespace keyfob::gateway {

inline constexpr std::string_view kAuthzPath = "/v1/authz";

/// The request that somebody wants to make. Views into a head.
struct Wanted {
  std::string_view method;
  std::string_view path;  ///< without the query
};

/// Whether a path asks for a verdict, in either form.
[[nodiscard]] bool is_authz(std::string_view path);

/// What a question is about; empty when it does not say so in exactly one way.
[[nodiscard]] std::optional<Wanted> wanted_by(const http::RequestHead& question);

}  // namespace keyfob::gateway
