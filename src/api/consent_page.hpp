#pragma once
// consent_page: what the vehicle owner's browser sees at the end of a consent: back to the application, or a plain page
// of Keyfob's own. No script, no style, nothing loaded; every foreign text is escaped.

#include "api/problem.hpp"
#include "engine/consent.hpp"
#include "http/message.hpp"

namespace keyfob::api {

/// 303 to return_to with `grant=ID` or `error=WORD` and the vehicle's details added to its query, and
/// `confirm=required` when the grant waits for POST /v1/connect/confirm.
[[nodiscard]] http::Response back_to_application(const engine::CallbackResult& result);

/// 200 when a grant was made, 403 when the owner or the provider refused.
[[nodiscard]] http::Response consent_page(const engine::CallbackResult& result);

/// The problem as a page, with its status and the header Keyfob-Error.
[[nodiscard]] http::Response consent_page(const Problem& problem);

}  // namespace keyfob::api
