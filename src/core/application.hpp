#pragma once
// Application: one OAuth client of one provider, and Caller: one service that may ask Keyfob for something.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace keyfob {

enum class Mode : std::uint8_t { live, simulated };

/// Which sealed secret of an application. The name is part of the associated data.
enum class SecretPurpose : std::uint8_t {
  client_secret,
  previous_client_secret,
  management_token,
  previous_management_token,
  v3_client_secret,
  webhook_secret,
};
[[nodiscard]] std::string_view to_string(SecretPurpose purpose);
[[nodiscard]] std::optional<SecretPurpose> secret_purpose_from(std::string_view name);

struct SealedSecret {
  SecretPurpose purpose = SecretPurpose::client_secret;
  Bytes sealed;
  WallTime set_at{};
};

struct Application {
  AppId id;
  std::string name;      ///< unique, what people type
  std::string provider;  ///< name of a provider profile
  std::string client_id;
  std::string v3_client_id{};
  Mode mode = Mode::live;
  std::string redirect_uri{};
  std::vector<std::string> scopes{};
  std::vector<std::string> return_to{};  ///< where a browser may be sent after consent: exact match
  WallTime created_at{};
  WallTime updated_at{};
  std::uint64_t revision = 1;  ///< fences concurrent changes
  std::string webhook_url{};   ///< where the provider's webhooks are passed on to; empty: nowhere
};

struct ApplicationRecord {
  Application app;
  std::vector<SealedSecret> secrets;
};

enum class Permission : std::uint8_t { gateway, token_read, grant_read, grant_write, grant_revoke, management, admin };
[[nodiscard]] std::string_view to_string(Permission permission);  ///< "gateway", "token:read", ...
[[nodiscard]] std::optional<Permission> permission_from(std::string_view name);

struct Caller {
  CallerId id;
  std::string name;  ///< unique
  AppId app;         ///< empty: an admin of the whole installation
  std::vector<Permission> permissions;
  std::vector<UserId> users{};        ///< empty: every user of the application
  std::vector<std::string> routes{};  ///< "GET /v2.0/vehicles/*/odometer"; empty: every route
  std::optional<WallTime> expires_at{};
  bool disabled = false;
  WallTime created_at{};
  WallTime updated_at{};
};

/// The stored half of an API key: SHA-256 of the secret part. During a rotation two are valid.
struct CallerRecord {
  Caller caller;
  Bytes secret_hash;
  Bytes previous_secret_hash{};
  std::optional<WallTime> previous_until{};
};

/// Whose data key seals and signs what belongs to the installation as a whole: longer than any application's id.
inline constexpr std::string_view kInstallation = "installation";

/// A data key of an application, wrapped by the master key named `master`.
struct WrappedDataKey {
  AppId app;
  DataKeyId id;
  std::string master;  ///< fingerprint of the master key that wraps it
  Bytes wrapped;
  bool primary = true;
  WallTime created_at{};
};

/// A consent under way: single-use, expiring, bound to user and application. The store keeps a hash of the state.
struct ConsentState {
  Bytes state_hash;  ///< SHA-256 of the state parameter
  AppId app;
  UserId user;
  std::string return_to{};
  std::string redirect_uri{};
  bool single_select = false;
  Bytes sealed_verifier{};  ///< PKCE code_verifier, sealed; empty without PKCE
  WallTime expires_at{};
};

}  // namespace keyfob
