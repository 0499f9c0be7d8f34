#pragma once
// TokenJson: the fields of a token endpoint's answer (RFC 6749 sections 5.1 and 5.2), read leniently.

#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "base/wiped_string.hpp"

namespace keyfob::oauth {

/// Strings are as the peer sent them, unchecked; empty when absent or of another type.
struct TokenJson {
  bool whole = false;  ///< the body is one JSON object; else the strings are what could be saved from a cut one
  WipedString access_token = wiped_string();
  WipedString refresh_token = wiped_string();
  WipedString scope = wiped_string();  ///< an array is joined with spaces
  WipedString error = wiped_string();
  WipedString description = wiped_string();
  std::optional<Milliseconds> expires_in{};  ///< number or numeric string, 0 < value <= 10 years
  std::optional<Milliseconds> refresh_expires_in{};
};

/// Never fails: what is not JSON has no fields. All memory that held the text is wiped.
[[nodiscard]] TokenJson read_token_json(std::string_view body);

}  // namespace keyfob::oauth
