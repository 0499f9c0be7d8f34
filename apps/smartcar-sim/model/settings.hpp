#pragma once
// What can be switched about the simulated Smartcar. Defaults are the best-supported reading of the vendor's
// documentation; every alternative is something a client has to live with.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace keyfob::sim {

/// What a use does to a refresh token.
enum class Rotation : std::uint8_t {
  window,  ///< replaced; the old one works on for the reuse window
  strict,  ///< replaced; the old one is dead at once
  none,    ///< kept; only the access token is new
};

/// What a second use inside the reuse window answers.
enum class Replay : std::uint8_t {
  same_pair,  ///< the pair that the first use made
  new_pair,   ///< one more pair; both live
};

/// How the token endpoint words the refusal of a dead refresh token or code. Always HTTP 400.
enum class RefusalWords : std::uint8_t {
  smartcar,       ///< invalid_request, "Invalid refresh_token: <t>."
  invalid_grant,  ///< RFC 6749 section 5.2
  legacy,         ///< invalid_request, "Invalid or expired token" (seen in 2018)
};

/// What an access token meets at a vehicle whose connection is gone.
enum class AfterDisconnect : std::uint8_t { permission_403, authentication_401 };

/// What v3 answers about the signals of a vehicle without a subscription to a verified webhook.
enum class Unsubscribed : std::uint8_t {
  empty,      ///< an empty list; a single signal is 404
  not_found,  ///< 404 both
  served,     ///< as if there were a subscription
};

struct Settings {
  seconds access_ttl{7200};
  seconds refresh_ttl{5'184'000};
  seconds code_ttl{600};
  seconds app_token_ttl{3600};
  seconds reuse_window{60};
  Rotation rotation = Rotation::window;
  Replay replay = Replay::same_pair;
  RefusalWords refusal_words = RefusalWords::smartcar;
  AfterDisconnect after_disconnect = AfterDisconnect::permission_403;
  bool strict_revokes_family = false;   ///< a use of a dead, once used refresh token revokes its whole grant
  bool reconnect_invalidates = false;   ///< connecting again revokes the owner's earlier pairs
  bool v3_accepts_user_tokens = true;   ///< as the SDKs of 2025 rely on
  bool v3_wraps_single_objects = true;  ///< {"data":{...}} (2026) or the bare object (2025)
  bool v3_epoch_timestamps = false;     ///< milliseconds since 1970 (2025) instead of ISO 8601
  Unsubscribed unsubscribed_signals = Unsubscribed::empty;
  bool triggers_in_data = false;   ///< some pages show a webhook's triggers inside `data`
  seconds webhook_timeout{15};     ///< of real time
  std::int64_t vehicle_limit = 0;  ///< calls of one vehicle within vehicle_window, then 429 VEHICLE; 0: no limit
  seconds vehicle_window{60};
  std::int64_t vehicle_quota = 0;  ///< calls of one vehicle in 30 days, then 430; 0: no limit
};

[[nodiscard]] Result<Rotation> parse_rotation(std::string_view text);
[[nodiscard]] Result<Replay> parse_replay(std::string_view text);
[[nodiscard]] Result<RefusalWords> parse_refusal_words(std::string_view text);
[[nodiscard]] Result<Unsubscribed> parse_unsubscribed(std::string_view text);
[[nodiscard]] Result<AfterDisconnect> parse_after_disconnect(std::string_view text);

}  // namespace keyfob::sim
