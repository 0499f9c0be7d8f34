#pragma once
// LocalKeyProvider: a master key that lives in this process, out of a file or the environment. Formats:
// docs/spec/sealed-record.md, "Keys".

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/secure_memory.hpp"
#include "crypto/xaes.hpp"
#include "ports/key_provider.hpp"

namespace keyfob::keys {

/// A new key as text: "keyfob-master-key-1 <base64 of 32 random bytes>\n".
[[nodiscard]] Secret new_key_text();

/// Immutable, any thread. Wrapping and unwrapping complete without suspending; they are never `unavailable`.
class LocalKeyProvider : public KeyProvider {
 public:
  /// The text of new_key_text(); white space around it is ignored. damaged: it is not such a text.
  [[nodiscard]] static Result<std::unique_ptr<LocalKeyProvider>> from_text(const Secret& text);

  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }
  Task<Result<Bytes>> wrap(Secret key, Bytes context) override;
  Task<Result<Secret>> unwrap(Bytes wrapped, Bytes context) override;

 private:
  LocalKeyProvider(crypto::XaesKey wrapping, std::string fingerprint);
  crypto::XaesKey wrapping_;
  std::string fingerprint_;
};

}  // namespace keyfob::keys
