#pragma once
// disclose: the two answers that carry a secret. Written into one buffer that is large enough from the start, so that
// the secret exists once: in the response's body, which the server wipes.

#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "core/application.hpp"
#include "http/message.hpp"
#include "ports/token_source.hpp"

namespace keyfob::api {

/// The answer of GET /v1/token; expires_in counts from `now`.
[[nodiscard]] http::Response disclose_token(const GrantToken& token, WallTime now);
/// The same text into `body`, which it replaces and the caller wipes. Allocates only to make `body` larger.
void disclose_token(std::string& body, const TokenSlot& token, WallTime now);

/// A caller's JSON (render.hpp) with "api_key" as its last member.
[[nodiscard]] http::Response disclose_api_key(int status, std::string_view caller_json, const Secret& key);

}  // namespace keyfob::api
