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
};

[[nodiscard]] Result<Rotation> parse_rotation(std::string_view text);
[[nodiscard]] Result<Replay> parse_replay(std::string_view text);
[[nodiscard]] Result<RefusalWords> parse_refusal_words(std::string_view text);
[[nodiscard]] Result<AfterDisconnect> parse_after_disconnect(std::string_view text);

}  // namespace keyfob::sim
