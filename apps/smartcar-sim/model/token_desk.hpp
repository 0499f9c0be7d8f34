#pragma once
// TokenDesk: Smartcar's token endpoint as a pure state machine. It issues codes and pairs, rotates refresh tokens,
// answers second uses, and remembers every use of every refresh token, so that a test can say who lost what.
// Decisions take `now`; no clock, no I/O. Not thread-safe.

#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "model/scopes.hpp"
#include "model/settings.hpp"
#include "model/uuids.hpp"

namespace keyfob::sim {

/// What an owner allowed an application to do. Scopes are frozen here. An empty `client` stands for "whoever uses it
/// first", for pairs that a test asked for without naming a client.
struct Consent {
  std::string client;
  std::string user;
  std::vector<std::string> vehicles;
  Scopes scopes{};
  bool single_select = false;
  std::string mode = "live";
  std::string external_id{};
};

struct Grant {
  std::size_t id = 0;
  Consent consent;  ///< `vehicles` shrinks as connections are removed
  WallTime created;
  bool revoked = false;         ///< refresh tokens are dead; access tokens last, but open nothing
  bool family_revoked = false;  ///< after reuse of a dead refresh token: access tokens are dead as well
  std::uint64_t rotations = 0;
  std::string newest_access;
  std::string newest_refresh;
  WallTime newest_issued;
  bool newest_seen = false;  ///< one token of the newest pair has come back: somebody kept it
};

struct TokenPair {
  std::string access_token;
  std::string refresh_token;
  seconds expires_in{0};
};

enum class Refusal : std::uint8_t {
  unknown,         ///< never issued
  foreign_client,  ///< issued to another client
  expired,
  spent,    ///< used before, and its window is over (or there is none)
  revoked,  ///< by the owner, by the application, or with its family
  redirect_mismatch,
};

[[nodiscard]] std::string_view to_string(Refusal refusal);

using TokenAnswer = std::expected<TokenPair, Refusal>;

struct DeskStats {
  std::uint64_t codes_exchanged = 0;
  std::uint64_t refresh_requests = 0;
  std::uint64_t rotations = 0;    ///< first uses that were answered with a pair
  std::uint64_t second_uses = 0;  ///< later uses that were answered, inside the window
  std::uint64_t late_uses = 0;    ///< uses of a token used before, refused: a client that lost its new pair
  std::uint64_t families_revoked = 0;
  std::map<Refusal, std::uint64_t> refused;
};

/// What became of one refresh token.
struct RefreshTokenFacts {
  const Grant* grant = nullptr;
  bool newest = false;
  bool live = false;  ///< a use now would be answered with a pair
  std::uint64_t uses = 0;
  WallTime issued;
  WallTime expires;
};

class TokenDesk {
 public:
  TokenDesk(Settings settings, std::uint64_t seed) : settings_(settings), uuids_(seed) {}

  /// A single-use authorization code for `consent`. The grant exists once the code has been exchanged.
  [[nodiscard]] std::string issue_code(Consent consent, std::string redirect_uri, WallTime now);
  /// A pair without a consent flow, for tests that import grants.
  [[nodiscard]] TokenPair issue_pair(Consent consent, WallTime now);

  /// RFC 6749 section 4.1.3. `redirect_uri` empty: not sent.
  [[nodiscard]] TokenAnswer exchange_code(std::string_view client, std::string_view code, std::string_view redirect_uri,
                                          WallTime now);
  /// RFC 6749 section 6, with Smartcar's rotation.
  [[nodiscard]] TokenAnswer refresh(std::string_view client, std::string_view token, WallTime now);

  /// The grant of a live access token, else nothing. Marks the pair as seen when it is the newest.
  [[nodiscard]] const Grant* open_access(std::string_view token, WallTime now);
  /// Whose token this is, live or not; empty when unknown. Marks nothing.
  [[nodiscard]] std::string owner_of_access(std::string_view token) const;
  [[nodiscard]] std::string owner_of_refresh(std::string_view token) const;
  [[nodiscard]] std::optional<RefreshTokenFacts> inspect_refresh(std::string_view token, WallTime now) const;
  [[nodiscard]] std::optional<WallTime> access_expiry(std::string_view token) const;

  using Which = std::function<bool(const Grant&)>;
  std::size_t expire_access(const Which& which, WallTime now);
  std::size_t expire_refresh(const Which& which, WallTime now);
  /// Takes `vehicle` (empty: all of them) out of the grants chosen; a grant without vehicles is revoked.
  std::size_t disconnect(const Which& which, std::string_view vehicle);

  [[nodiscard]] const std::deque<Grant>& grants() const { return grants_; }
  [[nodiscard]] const DeskStats& stats() const { return stats_; }
  /// How many refresh tokens would be answered now.
  [[nodiscard]] std::size_t live_refresh_tokens(WallTime now) const;
  /// uses -> how many refresh tokens were used so often.
  [[nodiscard]] std::map<std::uint64_t, std::size_t> uses_of_refresh_tokens() const;
  [[nodiscard]] Settings& settings() { return settings_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  struct Code {
    Consent consent;
    std::string redirect_uri;
    WallTime expires;
    std::optional<std::size_t> grant;  // set once used
  };
  struct Refresh {
    std::size_t grant = 0;
    WallTime issued;
    WallTime expires;
    std::optional<WallTime> first_used;
    std::uint64_t uses = 0;
    std::string next_access;
    std::string next_refresh;
  };
  struct Access {
    std::size_t grant = 0;
    WallTime expires;
  };

  Grant& open_grant(Consent consent, WallTime now);
  TokenPair mint(Grant& grant, WallTime now);
  TokenPair keep_refresh(Grant& grant, Refresh& token, std::string_view text, WallTime now);
  TokenAnswer first_use(Grant& grant, Refresh& token, WallTime now);
  TokenAnswer later_use(Grant& grant, Refresh& token, WallTime now);
  TokenAnswer refuse(Refusal refusal);
  [[nodiscard]] bool answers(const Refresh& token, WallTime now) const;
  [[nodiscard]] bool inside_window(const Refresh& token, WallTime now) const;

  Settings settings_;
  Uuids uuids_;
  std::deque<Grant> grants_;
  std::unordered_map<std::string, Code> codes_;
  std::unordered_map<std::string, Refresh> refresh_;
  std::unordered_map<std::string, Access> access_;
  DeskStats stats_;
};

}  // namespace keyfob::sim
