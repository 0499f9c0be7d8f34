#pragma once
// Addresses and URLs as configuration text: what may be listened on, what may be called.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace keyfob::config {

/// "127.0.0.1:7420", "[::1]:7420", "localhost:7420" or "unix:PATH" (resolved against `base_dir`). Empty when malformed.
[[nodiscard]] std::optional<ListenAddress> parse_listen(std::string_view text, const std::filesystem::path& base_dir);

enum class UrlShape : std::uint8_t {
  origin,    ///< scheme, host, port and nothing else
  endpoint,  ///< a path and a query are fine
};

/// Why `url` may not be called or published: empty when it may. https, or http to a loopback host; no user, no
/// fragment.
[[nodiscard]] std::string url_problem(std::string_view url, UrlShape shape);

/// `path` below `base_dir` unless it is absolute.
[[nodiscard]] std::string resolve_path(const std::filesystem::path& base_dir, std::string_view path);

/// A reference such as "file:keyfob.key" or "sqlite:keyfob.db" with its path resolved; others come back unchanged.
[[nodiscard]] std::string resolve_reference(const std::filesystem::path& base_dir, std::string_view reference);

}  // namespace keyfob::config
