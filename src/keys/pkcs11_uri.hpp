#pragma once
// PKCS#11 URIs (RFC 7512), as far as they name one secret key in one token.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace keyfob::keys {

struct Pkcs11Uri {
  // Which token. Empty: any.
  std::optional<std::string> token{};
  std::optional<std::string> serial{};
  std::optional<std::string> manufacturer{};
  std::optional<std::string> model{};
  std::optional<unsigned long> slot_id{};
  // Which key.
  std::optional<std::string> object{};
  std::optional<std::string> id{};  ///< bytes
  // How to get at it.
  std::string module_path{};
  std::string pin_source{};  ///< path of a file
};

/// The whole URI, "pkcs11:" included. invalid_argument: not such a URI, an attribute that is not known or there twice,
/// no object and no id, no module-path, or a pin-value (a configuration is not secret). Attributes of a vendor ("x-")
/// are passed over, as RFC 7512 section 2.3 wants.
[[nodiscard]] Result<Pkcs11Uri> parse_pkcs11_uri(std::string_view uri);

}  // namespace keyfob::keys
