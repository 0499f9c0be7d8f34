#pragma once
/// @file
/// What is asked for, and the access token that comes back.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob {

/// Text that must not leak: wiped when it goes, neither printed nor compared by accident. Copies are wiped, too.
/// Threads: as std::string.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string_view text);
  SecretText(const SecretText& other);
  SecretText(SecretText&& other) noexcept;
  SecretText& operator=(SecretText other) noexcept;
  ~SecretText();

  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// The text, valid while this lives. Put it into the request's Authorization header and nowhere else.
  [[nodiscard]] std::string_view reveal() const { return {text_.data(), text_.size()}; }

 private:
  void wipe() noexcept;
  std::vector<char> text_;
};

/// Whose token. At least one of `user` and `vehicle`; both when a vehicle belongs to several users' grants.
struct TokenQuery {
  std::string app{};      ///< Broker: name of the application. Client: empty, the API key says it
  std::string user{};     ///< your own id of the owner
  std::string vehicle{};  ///< the provider's id of the vehicle
  /// A token with less left is refreshed first. 0: `refresh.min_validity` of the configuration. More than the
  /// provider's tokens live is answered with the newest one. Broker only.
  std::chrono::seconds min_validity{0};
  std::chrono::milliseconds patience = std::chrono::seconds(30);  ///< how long a refresh is waited for
};

/// Current when it was handed out. Do not keep it: ask again for every call, which costs microseconds.
struct Token {
  SecretText value{};  ///< a bearer token (RFC 6750)
  std::chrono::system_clock::time_point expires_at{};
  std::string grant{};
  std::string user{};
  std::vector<std::string> vehicles{};
  std::string scope{};     ///< separated by blanks; empty: the provider did not say
  bool refreshed = false;  ///< a rotation happened for this query. Broker only
};

}  // namespace keyfob
