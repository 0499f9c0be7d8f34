#pragma once
// caller_codec: a new caller as POST /v1/callers writes it.

#include <string>
#include <string_view>

#include "api/call.hpp"
#include "engine/directory.hpp"

namespace keyfob::api {

struct CallerRequest {
  engine::NewCaller caller;  ///< without its application
  std::string app{};         ///< name; empty: none was given
};

/// bad_request: unknown permission, a route that is not "METHOD /path", an admin that is kept to users or routes.
[[nodiscard]] Answer<CallerRequest> read_new_caller(std::string_view json, WallTime now);

}  // namespace keyfob::api
