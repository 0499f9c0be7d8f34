#pragma once
// CredentialSource: credentials of an application as a whole (not of one grant), for routes that carry them.

#include <expected>
#include <string>

#include "base/ids.hpp"
#include "base/secret.hpp"
#include "core/provider.hpp"
#include "ports/async.hpp"
#include "ports/token_source.hpp"

namespace keyfob {

class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  /// The whole value of the Authorization header for `kind` (application: "Bearer ...", management: "Basic default:AMT"
  /// or "Bearer AMT" by scheme, client: "Basic id:secret"). Never called with CredentialKind::user or none. Completes
  /// on the awaiting executor.
  virtual Task<std::expected<Secret, TokenFailure>> authorization(AppId app, CredentialKind kind, Scheme scheme) = 0;
  /// The provider answered 401 to it: forget a cached application token.
  virtual void refused(AppId app, CredentialKind kind) = 0;
};

}  // namespace keyfob
