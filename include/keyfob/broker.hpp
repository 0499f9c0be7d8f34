#pragma once
/// @file
/// Broker: the whole of Keyfob inside your own process: store, refresh, recovery and consent, without a daemon.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keyfob/result.hpp"
#include "keyfob/store.hpp"
#include "keyfob/token.hpp"

namespace keyfob {

/// Something that happened to a grant or an application: "grant.refreshed", "grant.needs_reauth",
/// "application.suspended" and the others of docs/reference/metrics.md. Holds no token.
struct BrokerEvent {
  std::string_view name{};
  std::string_view app{};
  std::string_view grant{};
  std::string_view user{};
  std::string_view detail{};
};

struct BrokerConfig {
  /// Holds keyfob.toml, the master key, the database and the state directory: what `keyfob init` makes. One process at
  /// a time uses it; the `keyfob` command does while yours does not run.
  std::string directory{};
  bool create = false;     ///< make `directory` as `keyfob init` does when it is not there or empty
  std::string settings{};  ///< TOML of docs/reference/configuration.md, in place of keyfob.toml; paths are relative to
                           ///< `directory`
  /// Where the rows go instead of into keyfob.db; `directory` still holds the master key, the spool and a working copy.
  std::shared_ptr<RowStore> store{};
  /// Called on a thread of the broker's; must return soon and must not call the broker.
  std::function<void(const BrokerEvent&)> on_event{};
  std::function<void(std::string)> on_complaint{};  ///< what was found damaged and left as it is, and what to do
};

/// An OAuth client of a provider, as `keyfob app add` takes it.
struct ApplicationSettings {
  std::string name{};  ///< what `TokenQuery::app` says
  std::string client_id{};
  SecretText client_secret{};
  std::string redirect_uri{};         ///< where the provider sends the owner's browser: your callback
  std::string provider = "smartcar";  ///< a built-in profile, or one of [providers.NAME]
  std::vector<std::string> scopes{};
  bool simulated = false;  ///< the provider's simulated mode
};

/// A pair that you have already, from another system or from a flow of your own.
struct Pair {
  std::string user{};                   ///< your own id of the owner
  std::vector<std::string> vehicles{};  ///< the provider's ids; may be empty
  SecretText access_token{};
  SecretText refresh_token{};
  std::chrono::seconds expires_in{};  ///< of the access token, from now; 0: it has expired
  std::string scope{};
  std::string provider_user{};  ///< the provider's id of the owner; may be empty
};

/// One consent of one owner. Never a token.
struct GrantInfo {
  std::string id{};
  std::string user{};
  std::vector<std::string> vehicles{};
  std::string status{};  ///< "active", "suspect", "needs_reauth", "revoking" or "revoked" (docs/spec/refresh.md)
  std::chrono::system_clock::time_point access_expires_at{};
  std::chrono::system_clock::time_point refresh_expires_at{};
  std::uint64_t generation = 0;  ///< +1 with each stored pair
};

struct Consent {
  std::string url{};    ///< send the owner's browser there
  std::string state{};  ///< comes back to your callback; single-use
  std::chrono::seconds expires_in{};
};

/// The query of your callback, decoded.
struct Callback {
  SecretText code{};
  std::string state{};
  std::string error{};  ///< set when the owner or the provider said no
};

enum class Revoked : std::uint8_t {
  done,          ///< the provider knows, the tokens are forgotten
  still_trying,  ///< the provider could not be told yet; the broker goes on trying, the token is not served any more
};

/// Opens everything, recovers what an earlier process left, and refreshes in the background until it goes.
///
/// Threads: any thread may call, many at once. The calls block; keyfob/async.hpp has the same as Asio awaitables. Do
/// not call from `on_event`. A refresh that has begun is carried to its end even if nobody waits for it any more.
/// Lifetime: no call may be under way when it is destroyed; destruction gives refreshes under way a second.
/// Durability: what returned a value is on disk. Source: docs/spec/refresh.md.
class Broker {
 public:
  /// invalid_argument: configuration (with line and key). not_found: no such directory. conflict: another process uses
  /// it. damaged: the master key does not fit. unsafe: file modes. unavailable: store or disk.
  [[nodiscard]] static Expected<Broker> open(BrokerConfig config);
  Broker(Broker&&) noexcept;
  Broker& operator=(Broker&&) noexcept;
  ~Broker();

  /// Adds the application, or changes the one of this name to these settings. invalid_argument says which field.
  [[nodiscard]] Expected<void> put_application(ApplicationSettings settings);

  /// The current access token, refreshed first when it is due. From memory in microseconds when it is not.
  /// Failures: not_found, ambiguous, needs_consent, revoked, refused, suspended, unavailable, damaged.
  [[nodiscard]] Expected<Token> token(TokenQuery query);

  /// Stores a pair; one of the same user is replaced. It must not be refreshed anywhere else from now on.
  [[nodiscard]] Expected<GrantInfo> import(std::string app, Pair pair);
  /// Rotates now, or joins a refresh under way.
  [[nodiscard]] Expected<GrantInfo> refresh(std::string app, std::string grant);
  /// Grants of an application, at most `limit` (1 to 1000), those of `user` when it is not empty.
  [[nodiscard]] Expected<std::vector<GrantInfo>> grants(std::string app, std::string user = {},
                                                        std::size_t limit = 100);
  /// At the provider first, then the tokens are forgotten. Idempotent.
  [[nodiscard]] Expected<Revoked> revoke(std::string app, std::string grant);

  /// Begins a consent (RFC 6749 section 4.1) of `user`.
  [[nodiscard]] Expected<Consent> connect_url(std::string app, std::string user);
  /// Ends it with what your callback got: exchanges the code, stores the pair, finds out the vehicles. not_found: the
  /// state is unknown, used or expired, and nothing was exchanged. refused: the owner or the provider said no.
  [[nodiscard]] Expected<GrantInfo> finish_consent(Callback callback);

 private:
  friend struct BrokerAccess;
  class State;
  explicit Broker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keyfob
