#include "base/url.hpp"

#include <algorithm>
#include <charconv>

namespace keyfob {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 253 &&
         std::ranges::all_of(host, [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; });
}

bool is_ipv6(std::string_view host) {
  return host.find(':') != std::string_view::npos &&
         std::ranges::all_of(host, [](char c) { return is_alnum(c) || c == ':' || c == '.'; });
}

bool take_scheme(std::string_view& rest, bool& tls) {
  if (rest.starts_with("https://")) {
    tls = true;
    rest.remove_prefix(8);
    return true;
  }
  if (!rest.starts_with("http://")) return false;
  tls = false;
  rest.remove_prefix(7);
  return true;
}

bool take_port(std::string_view text, Url& url) {
  if (text.empty()) {
    url.port = url.tls ? 443 : 80;
    return true;
  }
  text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), url.port);
  return error == std::errc() && end == text.data() + text.size() && url.port != 0;
}

bool take_authority(std::string_view authority, Url& url) {
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return false;
    url.host = authority.substr(1, close - 1);
    const std::string_view port = authority.substr(close + 1);
    return is_ipv6(url.host) && (port.empty() || port.front() == ':') && take_port(port, url);
  }
  const auto colon = authority.find(':');
  url.host = authority.substr(0, colon);
  return is_host(url.host) && take_port(colon == std::string_view::npos ? "" : authority.substr(colon), url);
}

bool is_ipv4(std::string_view host) {
  return std::ranges::count(host, '.') == 3 &&
         std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace

bool Url::loopback() const {
  return host == "localhost" || host == "::1" || (host.starts_with("127.") && is_ipv4(host));
}

std::optional<Url> split_url(std::string_view text) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  if (!printable || text.find('#') != std::string_view::npos) return std::nullopt;
  Url url;
  std::string_view rest = text;
  if (!take_scheme(rest, url.tls)) return std::nullopt;
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  if (!take_authority(rest.substr(0, end), url)) return std::nullopt;
  url.target = rest.substr(end);
  url.origin = text.substr(0, text.size() - url.target.size());
  return url;
}

std::string rebase_url(std::string_view url, std::string_view origin) {
  const auto parts = split_url(url);
  if (!parts) return std::string(url);
  return std::string(origin) + std::string(parts->target);
}

}  // namespace keyfob
