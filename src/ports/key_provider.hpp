#pragma once
// KeyProvider: wraps and unwraps data keys with the master key, wherever that lives (file, PKCS#11, a program).

#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "ports/async.hpp"

namespace keyfob {

class KeyProvider {
 public:
  virtual ~KeyProvider() = default;
  /// Names the master key without disclosing it; the same key always has the same fingerprint.
  [[nodiscard]] virtual std::string fingerprint() const = 0;
  virtual Task<Result<Bytes>> wrap(Secret key, Bytes context) = 0;
  /// damaged: wrong master key or wrong context. unavailable: the provider of the key cannot be reached.
  virtual Task<Result<Secret>> unwrap(Bytes wrapped, Bytes context) = 0;
};

}  // namespace keyfob
