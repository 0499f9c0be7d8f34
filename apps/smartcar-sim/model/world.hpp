#pragma once
// World: everything the simulated Smartcar knows, and the operations that touch more than one part of it. Pure:
// `now` is an argument. Not thread-safe.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/clients.hpp"
#include "model/faults.hpp"
#include "model/owners.hpp"
#include "model/token_desk.hpp"
#include "model/webhooks.hpp"

namespace keyfob::sim {

/// What management calls list: one owner's vehicle, open to one application.
struct Connection {
  std::string id;
  std::string client;
  std::string user;
  std::string vehicle;
  Scopes permissions;
  std::string mode;
  WallTime connected_at;
  std::string external_id{};  ///< the application's own name for the owner
};

/// v3: when a vehicle charges. `attributes` is JSON as it was sent; nothing is carried out.
struct ChargeSchedule {
  std::string kind;
  std::string user;
  std::string vehicle;
  std::string attributes;
};

/// How Connect answers without a person (`POST /_sim/consent`).
struct ConsentPreset {
  bool automatic = false;  ///< even for browsers
  std::string user{};      ///< id or e-mail; empty: the first owner
  std::vector<std::string> vehicles{};
  std::string error{};  ///< an `error` of the callback instead of a code
};

class World {
 public:
  World(Settings settings, std::uint64_t seed);

  [[nodiscard]] Settings& settings() { return desk.settings(); }

  /// What an owner's yes makes: connections and a code. Vehicles that are not the owner's are left out.
  [[nodiscard]] std::string approve(Consent consent, std::string redirect_uri, WallTime now);
  /// The same without a browser: connections and a pair.
  [[nodiscard]] TokenPair issue(Consent consent, WallTime now);

  using ConnectionFilter = std::function<bool(const Connection&)>;
  /// Removes connections; the vehicles leave the grants at once. Answers what was removed.
  std::vector<Connection> disconnect(const ConnectionFilter& which);
  /// Newest first.
  [[nodiscard]] std::vector<Connection> connections(const ConnectionFilter& which) const;
  [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }
  [[nodiscard]] const Connection* connection(std::string_view id) const;
  /// Whether a client's application ("" while open to all) may see a connection.
  [[nodiscard]] static bool visible(const Connection& connection, std::string_view client);

  /// v3: a token that speaks for the whole application.
  [[nodiscard]] std::string issue_app_token(std::string_view client, WallTime now);
  [[nodiscard]] const std::string* open_app_token(std::string_view token, WallTime now) const;

  Clients clients;
  Owners owners;
  TokenDesk desk;
  FaultPlan faults;
  ConsentPreset preset;
  Webhooks webhooks;
  std::map<std::string, ChargeSchedule> schedules;  ///< by id

 private:
  struct AppToken {
    std::string client;
    WallTime expires;
  };

  void connect(const Consent& consent, WallTime now);

  Uuids uuids_;
  std::map<std::uint64_t, Connection> connections_;               // by age
  std::unordered_map<std::string, std::uint64_t> connection_of_;  // client, user, vehicle
  std::uint64_t last_connection_ = 0;
  std::unordered_map<std::string, AppToken> app_tokens_;
};

}  // namespace keyfob::sim
