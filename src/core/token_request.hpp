#pragma once
// TokenRequest: what is asked of a token endpoint. A value; oauth/ encodes it, ports/token_endpoint.hpp carries it out.

#include <string>
#include <variant>

#include "base/secret.hpp"

namespace keyfob {

/// RFC 6749 section 6.
struct RefreshGrant {
  RefreshToken refresh_token;
};
/// RFC 6749 section 4.1.3, RFC 7636 section 4.5.
struct CodeGrant {
  Secret code;
  std::string redirect_uri;
  Secret code_verifier{};  ///< empty without PKCE
};
/// RFC 6749 section 4.4.
struct ClientCredentialsGrant {};

struct TokenRequest {
  std::string provider;  ///< profile name
  std::string client_id;
  ClientSecret client_secret;
  std::variant<RefreshGrant, CodeGrant, ClientCredentialsGrant> grant;
};

}  // namespace keyfob
