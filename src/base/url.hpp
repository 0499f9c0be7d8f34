#pragma once
// Url: the parts of an absolute http or https URL (RFC 3986) as far as configuration and clients need them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyfob {

/// Views into the text given to split_url, except `port`.
struct Url {
  bool tls = false;         ///< https
  std::string_view host;    ///< lower or upper case as written, IPv6 without brackets
  std::uint16_t port = 0;   ///< 80 or 443 when not written
  std::string_view origin;  ///< "https://host:port" as written
  std::string_view target;  ///< path and query; empty when there is none

  /// Host is 127.0.0.0/8, ::1 or localhost: where plain http is acceptable.
  [[nodiscard]] bool loopback() const;
};

/// Empty unless `text` is scheme://host[:port][/path][?query] with scheme http or https, printable ASCII, without user
/// information and without a fragment.
[[nodiscard]] std::optional<Url> split_url(std::string_view text);

/// The same target on another origin: rebase("https://a.example/x?y", "http://127.0.0.1:1") is
/// "http://127.0.0.1:1/x?y". `url` unchanged when it is not a URL.
[[nodiscard]] std::string rebase_url(std::string_view url, std::string_view origin);

}  // namespace keyfob
