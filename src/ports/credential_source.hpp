#pragma once
// CredentialSource: credentials of an application as a whole (not of one grant), for routes that carry them.

#include <cstdint>
#include <expected>
#include <string>

#include "base/ids.hpp"
#include "base/secret.hpp"
#include "core/provider.hpp"
#include "ports/async.hpp"
#include "ports/token_source.hpp"

namespace keyfob {

struct Authorization {
  Secret value;              ///< the whole value of the header
  std::uint64_t serial = 0;  ///< of an application token: every new one has another; 0 for fixed credentials
};

/// Caller-owned scratch for the hot path, wiped as soon as the request is written.
struct CredentialSlot {
  FixedText<8192> value;     ///< as Authorization::value
  std::uint64_t serial = 0;  ///< as Authorization::serial
};

class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  /// Hot path: any thread, no blocking, no allocation, about a microsecond. True: `out` holds what authorization()
  /// would answer now. False: ask authorization(), which also tells why.
  [[nodiscard]] virtual bool try_authorization(const AppId& app, CredentialKind kind, CredentialSlot& out) noexcept = 0;

  /// The whole value of the Authorization header for `kind` (application: "Bearer ...", management: "Basic default:AMT"
  /// or "Bearer AMT" by scheme, client: "Basic id:secret"). Never called with CredentialKind::user or none. Completes
  /// on the awaiting executor.
  ///
  /// `refused` is the serial of an application token that the provider answered 401 to; 0: none was. If that is still
  /// the cached one and older than min_interval, a new one is fetched, once for all who ask. The same serial comes back
  /// when there is nothing newer to try.
  virtual Task<std::expected<Authorization, TokenFailure>> authorization(AppId app, CredentialKind kind, Scheme scheme,
                                                                         std::uint64_t refused) = 0;
};

}  // namespace keyfob
