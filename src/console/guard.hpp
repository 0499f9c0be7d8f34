#pragma once
// guard: which requests may come from the console's own pages, and what its answers tell a browser to refuse. Pure.
//
// A page of another origin cannot send kHeader without asking first (CORS), and nobody answers such a question; it
// cannot choose Origin and Sec-Fetch-Site; and the cookie is SameSite=Strict. Each of the three holds by itself. The
// header is wanted for reading, too: ports of one host share cookies.

#include <string>
#include <string_view>

#include "http/message.hpp"

namespace keyfob::console {

inline constexpr std::string_view kHeader = "Keyfob-Console";  ///< the console's own script sends it
inline constexpr std::string_view kCookie = "keyfob_console";

/// Whether this is a request of the console's script: kHeader is there and, for anything but GET and HEAD, Origin is
/// the host that is asked, or the browser vouches for it by Sec-Fetch-Site.
[[nodiscard]] bool is_own_request(const http::Request& request);

/// The session's id in the request's cookies; empty when there is none.
[[nodiscard]] std::string_view session_cookie(const http::Request& request);
/// Whether the browser speaks TLS: to this listener, or to something in front of it, as its Origin says.
[[nodiscard]] bool browser_has_tls(const http::Request& request, bool listener_has_tls);
/// Set-Cookie for a session; an empty id takes it away.
[[nodiscard]] http::Header set_cookie(std::string_view id, bool secure);

/// Adds the headers of every answer of the console, and Cache-Control unless it is there.
void protect(http::Response& response);

}  // namespace keyfob::console
