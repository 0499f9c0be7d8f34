#include "console/guard.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace keyfob::console {
namespace {

using namespace std::string_view_literals;

constexpr std::array kProtection = {
    std::pair("Content-Security-Policy"sv,
              "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
              "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
              "trusted-types 'none'"sv),
    std::pair("X-Content-Type-Options"sv, "nosniff"sv),
    std::pair("X-Frame-Options"sv, "DENY"sv),
    std::pair("Referrer-Policy"sv, "no-referrer"sv),
    std::pair("Cross-Origin-Opener-Policy"sv, "same-origin"sv),
    std::pair("Cross-Origin-Resource-Policy"sv, "same-origin"sv),
};

bool is_origin_of(std::string_view origin, std::string_view host) {
  const auto scheme_end = origin.find("://");
  return scheme_end != std::string_view::npos && !host.empty() &&
         http::equal_no_case(origin.substr(scheme_end + 3), host);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool is_own_request(const http::Request& request) {
  if (!request.header(kHeader)) return false;
  const auto site = request.header("Sec-Fetch-Site");
  if (site && *site != "same-origin") return false;
  if (request.method == "GET" || request.method == "HEAD") return true;
  const auto origin = request.header("Origin");
  if (!origin) return false;
  return site.has_value() || is_origin_of(*origin, request.header("Host").value_or(std::string_view()));
}

std::string_view session_cookie(const http::Request& request) {
  for (const http::Header& header : request.headers) {
    if (!http::equal_no_case(header.name, "Cookie")) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view one = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (one.starts_with(kCookie) && one.substr(kCookie.size()).starts_with('=')) {
        return one.substr(kCookie.size() + 1);
      }
    }
  }
  return {};
}

bool browser_has_tls(const http::Request& request, bool listener_has_tls) {
  return listener_has_tls || request.header("Origin").value_or(std::string_view()).starts_with("https://");
}

http::Header set_cookie(std::string_view id, bool secure) {
  std::string value = std::string(kCookie) + "=" + std::string(id) + "; Path=/console; HttpOnly; SameSite=Strict";
  if (secure) value += "; Secure";
  if (id.empty()) value += "; Max-Age=0";
  return {"Set-Cookie", std::move(value)};
}

void protect(http::Response& response) {
  for (const auto& [name, value] : kProtection) response.headers.push_back({std::string(name), std::string(value)});
  if (!http::find_header(response.headers, "Cache-Control")) response.headers.push_back({"Cache-Control", "no-store"});
}

}  // namespace keyfob::console
