#pragma once
// Gatekeeper: who is calling, and what may they do. Implemented by access/; asked by the gateway and the API.

#include <bitset>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/application.hpp"

namespace keyfob {

class PermissionSet {
 public:
  void add(Permission permission) { bits_.set(static_cast<std::size_t>(permission)); }
  /// `admin` has every permission.
  [[nodiscard]] bool has(Permission permission) const {
    return bits_.test(static_cast<std::size_t>(permission)) || bits_.test(static_cast<std::size_t>(Permission::admin));
  }

 private:
  std::bitset<8> bits_;
};

/// A known caller, ready for decisions. Immutable; any thread.
struct Admission {
  CallerId caller;
  std::string name;
  AppId app;             ///< empty: admin of the whole installation
  std::string provider;  ///< the application's profile
  bool v3_credentials = false;
  PermissionSet permissions;
  std::unordered_set<std::string> users;  ///< empty: every user
  std::vector<std::string> routes;        ///< "GET /v2.0/vehicles/*/odometer"; empty: every route
  std::optional<WallTime> expires_at;

  [[nodiscard]] bool may_see(std::string_view user) const { return users.empty() || users.contains(std::string(user)); }
};

/// What a connection and a request prove.
struct Evidence {
  std::string_view authorization{};         ///< value of the Authorization header
  std::optional<std::uint32_t> unix_uid{};  ///< peer of a Unix socket
  std::string_view certificate_name{};      ///< SAN of a verified client certificate
  std::string_view peer{};                  ///< "192.0.2.7:5000": failures are counted by its address
};

enum class AccessProblem : std::uint8_t { unauthenticated, throttled };

class Gatekeeper {
 public:
  virtual ~Gatekeeper() = default;
  /// Changes whenever an earlier admission may no longer hold. Any thread, a few nanoseconds.
  [[nodiscard]] virtual std::uint64_t revision() const noexcept = 0;
  /// Any thread. Constant time in the secret; unknown and wrong look alike. Expiry is checked here and must be checked
  /// again when an admission is remembered (expires_at).
  [[nodiscard]] virtual std::expected<std::shared_ptr<const Admission>, AccessProblem> admit(
      const Evidence& evidence) = 0;
};

}  // namespace keyfob
