#pragma once
// Secret: text that must not leak. Wiped on destruction, constant-time equality, cannot be streamed, formatted or
// logged (tests/compile_fail proves it). reveal_secret() is the only way to its content; tools/check_secrets keeps the
// list of files that may call it.

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"

namespace keyfob {

/// Heap text of fixed size, wiped before it is freed. Never in SSO storage, so a moved-from object leaves no copy
/// behind. Thread-compatible. `Kind` makes each sort of secret a type of its own; there is no conversion between two
/// kinds.
template <class Kind>
class SecretOf {
 public:
  SecretOf() = default;
  explicit SecretOf(std::string_view text) : data_(text.empty() ? nullptr : new char[text.size()]), size_(text.size()) {
    if (size_ != 0) std::memcpy(data_.get(), text.data(), size_);
  }
  SecretOf(const SecretOf& other) : SecretOf(std::string_view(other.data_.get(), other.size_)) {}
  SecretOf(SecretOf&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  SecretOf& operator=(SecretOf other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SecretOf() { wipe(data_.get(), size_); }

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }

  friend bool operator==(const SecretOf& a, const SecretOf& b) {
    return equal_constant_time(as_bytes({a.data_.get(), a.size_}), as_bytes({b.data_.get(), b.size_}));
  }
  /// The content, valid while `secret` lives and is not assigned to. Callers are on a short allow-list.
  friend std::string_view reveal_secret(const SecretOf& secret) { return {secret.data_.get(), secret.size_}; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
};

/// Any secret that is none of the kinds below (an API key just made, a webhook key, a password from the terminal).
using Secret = SecretOf<struct AnySecret>;
/// Access token of a grant or of an application (RFC 6749 section 1.4).
using AccessToken = SecretOf<struct AccessTokenKind>;
/// Refresh token of a grant (RFC 6749 section 1.5): single-use, rotating.
using RefreshToken = SecretOf<struct RefreshTokenKind>;
/// Smartcar's application management token (AMT): management API, key of webhooks.
using ManagementToken = SecretOf<struct ManagementTokenKind>;
/// Client secret (RFC 6749 section 2.3.1).
using ClientSecret = SecretOf<struct ClientSecretKind>;

}  // namespace keyfob
