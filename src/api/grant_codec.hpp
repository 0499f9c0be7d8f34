#pragma once
// grant_codec: a grant as POST /v1/grants and each line of an import write it.

#include <string_view>

#include "api/call.hpp"
#include "engine/grants.hpp"

namespace keyfob::api {

/// bad_request: names the field, never its value. The text is the caller's to wipe.
[[nodiscard]] Answer<engine::NewGrant> read_new_grant(std::string_view json);

}  // namespace keyfob::api
