#include "config/address.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/url.hpp"
#include "config/parse.hpp"

namespace keyfob::config {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kMaxUrl = 2048;
constexpr std::array<std::string_view, 3> kPathSchemes = {"file:", "sqlite:", "exec:"};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::string_view without_brackets(std::string_view host) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

bool is_host(std::string_view host) {
  if (host.empty()) return false;
  const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  return host.find_first_of(" /@") == std::string_view::npos && (bracketed || host.find(':') == std::string_view::npos);
}

}  // namespace

bool is_loopback(std::string_view host) {
  Url url;
  url.host = host;
  return url.loopback();
}

std::optional<ListenAddress> parse_listen(std::string_view text, const std::filesystem::path& base_dir) {
  if (text.starts_with(kUnix)) {
    const std::string_view path = text.substr(kUnix.size());
    if (path.empty()) return std::nullopt;
    return ListenAddress{std::string(text), {}, 0, resolve_path(base_dir, path)};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_host(text.substr(0, colon))) return std::nullopt;
  const std::optional<std::uint16_t> port = parse_port(text.substr(colon + 1));
  if (!port) return std::nullopt;
  return ListenAddress{std::string(text), std::string(without_brackets(text.substr(0, colon))), *port, {}};
}

std::string url_problem(std::string_view url, UrlShape shape) {
  if (url.size() > kMaxUrl) return fmt::format("is longer than {} bytes", kMaxUrl);
  const std::optional<Url> parts = split_url(url);
  if (!parts) return "is not a URL like https://host/path (without user, password and #fragment)";
  const bool bare = parts->target.empty() || parts->target == "/";
  if (shape == UrlShape::origin && !bare) return "must be scheme, host and port only";
  if (!parts->tls && !parts->loopback()) {
    return fmt::format("is plain http to {}, and http is accepted for loopback only: use https", parts->host);
  }
  return {};
}

std::string resolve_path(const std::filesystem::path& base_dir, std::string_view path) {
  return (base_dir / std::filesystem::path(path)).lexically_normal().string();
}

std::string resolve_reference(const std::filesystem::path& base_dir, std::string_view reference) {
  for (const std::string_view scheme : kPathSchemes) {
    if (reference.starts_with(scheme) && reference.size() > scheme.size()) {
      return std::string(scheme) + resolve_path(base_dir, reference.substr(scheme.size()));
    }
  }
  return std::string(reference);
}

}  // namespace keyfob::config
