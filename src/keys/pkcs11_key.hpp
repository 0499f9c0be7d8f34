#pragma once
// Pkcs11KeyProvider: a master key that never leaves its PKCS#11 token: data keys are wrapped and unwrapped by AES-GCM
// inside it (docs/how-to/keys.md, "PKCS#11").

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "keys/pkcs11_uri.hpp"
#include "ports/key_provider.hpp"

namespace keyfob::keys {

/// Any thread; completes on the awaiting executor. Calls go one after the other, on a thread of their own, with a new
/// session each time the token lost the old one. damaged: the token says that the tag does not verify. unavailable:
/// the token is gone, its PIN is refused, or it takes longer than `limit` (a module that never comes back is left to
/// itself, and later calls are unavailable until it does).
class Pkcs11KeyProvider final : public KeyProvider {
 public:
  /// not_found: no such module, token or key. forbidden: the PIN is wrong. invalid_argument: the key cannot do it. The
  /// errors of read_key_file() for the PIN. Blocks for at most `limit`.
  [[nodiscard]] static Result<std::unique_ptr<Pkcs11KeyProvider>> open(const Pkcs11Uri& uri,
                                                                       Milliseconds limit = seconds(10));
  ~Pkcs11KeyProvider() override;

  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }
  Task<Result<Bytes>> wrap(Secret key, Bytes context) override;
  Task<Result<Secret>> unwrap(Bytes wrapped, Bytes context) override;

 private:
  class Token;
  Pkcs11KeyProvider(std::shared_ptr<Token> token, Milliseconds limit, std::string fingerprint);
  std::shared_ptr<Token> token_;
  Milliseconds limit_;
  std::string fingerprint_;
};

}  // namespace keyfob::keys
