#pragma once
// Grant: what a vehicle owner allowed one application to do: user, vehicles, scopes, one token pair.
// Stores hold GrantRecords: a grant with its sealed pair. No type here can hold a plaintext token except TokenPair.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"

namespace keyfob {

/// The states of docs/spec/refresh.md. Stored by these names.
enum class GrantStatus : std::uint8_t { active, suspect, needs_reauth, revoking, revoked };

[[nodiscard]] std::string_view to_string(GrantStatus status);
[[nodiscard]] std::optional<GrantStatus> grant_status_from(std::string_view name);

/// A token pair as the provider gave it. Both tokens are always replaced together.
struct TokenPair {
  AccessToken access;
  RefreshToken refresh;
};

/// The two tokens of a grant, sealed apart so that the hot path never opens a refresh token.
struct SealedPair {
  Bytes access;
  Bytes refresh;
  friend bool operator==(const SealedPair&, const SealedPair&) = default;
};

/// What fences every write: a pair belongs to exactly one (generation, epoch).
struct GrantVersion {
  Generation generation;
  Epoch epoch;
  friend auto operator<=>(const GrantVersion&, const GrantVersion&) = default;
};

/// A durable note "node N is about to use the refresh token of this generation". Times are the store's clock.
struct Attempt {
  AttemptId id;
  NodeId node;
  Incarnation incarnation;
  Milliseconds
      since_first_sent{};     ///< store time since the first use of this generation's refresh token; survives takeovers
  Milliseconds lease_left{};  ///< <= 0: the lease has ended
  std::optional<NodeId> stranded{};  ///< another node whose attempt of unknown outcome this one took over
};

/// Refusals of the present generation, cleared by a success.
struct Refusals {
  std::uint32_t count = 0;
  WallTime first_at{};
  WallTime last_at{};
  bool certain = false;        ///< at least one was a recognised dead_grant answer, not merely some 400
  bool after_unknown = false;  ///< a use of this refresh token had an unknown outcome before it was refused
  std::string reason{};        ///< "refused", "stranded", "suspicious"; redacted
};

/// Something the owner should look at; shown, evented and cleared. Blocks nothing.
struct Attention {
  std::string reason;
  VehicleId vehicle;
  WallTime since{};
};

/// The association that the keyed MAC guards: whoever writes the database cannot point a vehicle at another user's
/// grant.
struct Association {
  AppId app;
  GrantId grant;
  UserId user;
  ProviderUserId provider_user;
  std::vector<VehicleId> vehicles;  ///< sorted, unique
  Epoch epoch;
};

struct Grant {
  AppId app;
  GrantId id;
  UserId user;
  ProviderUserId provider_user;     ///< empty when not known yet
  std::vector<VehicleId> vehicles;  ///< sorted, unique; may be empty
  bool single_select = false;       ///< this pair opens one vehicle only (Smartcar single_select)
  std::string scope;                ///< space-separated; empty when the provider did not say
  GrantStatus status = GrantStatus::active;
  GrantVersion version;
  WallTime access_expires_at{};
  WallTime refresh_expires_at{};
  WallTime created_at{};
  WallTime updated_at{};
  std::optional<WallTime> rotated_at{};  ///< last rotation in this epoch; empty right after import or consent
  WallTime due_at{};                     ///< when the background looks at this grant next
  WallTime renew_by{};  ///< by when this pair has to be replaced to keep the grant alive; past it the alarm rings
  Refusals refusals{};
  std::optional<Attention> attention{};
  std::optional<Attempt> attempt{};
};

[[nodiscard]] Association association_of(const Grant& grant);

/// A grant with its sealed pair and its association MAC, as a store keeps it.
struct GrantRecord {
  Grant grant;
  SealedPair sealed;
  Bytes association_mac;
};

}  // namespace keyfob
