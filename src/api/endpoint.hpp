#pragma once
// Endpoint: one line of the API's table: method, path, who may call it, which query parameters it knows, what does it.
// Routing, permission checks and /openapi.json all read this table.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.hpp"

namespace keyfob::api {

using Handler = Task<Outcome> (*)(Services& services, Call call);

enum class Audience : std::uint8_t {
  anybody,     ///< nobody is asked who they are
  caller,      ///< any known caller
  permission,  ///< a caller with `permission`
  operators,   ///< admin, not tied to one application and not kept to users or routes
};

enum class Trait : std::uint8_t {
  plain,
  creates,       ///< takes an Idempotency-Key
  bulk,          ///< its body may be ApiOptions::import_bytes long
  any_thread,    ///< its handler runs on the calling thread; the engine hops itself
  always_ready,  ///< answers on the calling thread, even before the engine has started
};

struct Endpoint {
  std::string_view method;
  std::string_view path;  ///< segments; one in braces matches any and is captured
  Audience audience = Audience::anybody;
  Permission permission = Permission::admin;
  std::string_view query;  ///< parameters, separated by spaces; "*": any, the handler reads them itself
  Trait trait = Trait::plain;
  Handler handler = nullptr;
  std::string_view summary;
  std::string_view audit = {};  ///< what a call is on record as; empty: only its refusal is counted
};

[[nodiscard]] std::span<const Endpoint> endpoints();
/// forbidden: this caller may not call this endpoint.
[[nodiscard]] Answer<void> permitted(const Endpoint& endpoint, const Admission& caller);

struct Match {
  const Endpoint* endpoint = nullptr;  ///< null: nothing has this path and method
  std::vector<std::string> captures{};
  std::string allow{};  ///< methods that the path has, when only the method is wrong
};

/// HEAD finds what GET finds.
[[nodiscard]] Match match_endpoint(std::string_view method, std::string_view path);

}  // namespace keyfob::api
