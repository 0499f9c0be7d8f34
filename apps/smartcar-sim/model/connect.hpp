#pragma once
// Smartcar Connect as decisions: is this authorize request sound, and where does the browser go next? Pure.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/world.hpp"

namespace keyfob::sim {

/// The parameters of GET /oauth/authorize and /oauth/reauthenticate, decoded. Empty: absent.
struct ConnectRequest {
  std::string client_id;  ///< or application_id
  std::string response_type;
  std::string redirect_uri;
  std::string scope;
  std::string state;
  std::string mode;
  std::string single_select;
  std::string single_select_vin;
  std::string make;
  std::string external_id;
  std::string vehicle_id;  ///< reauthenticate only
};

/// What is wrong so badly that the browser must not be sent anywhere: answered 400 with this text.
[[nodiscard]] std::optional<std::string> fatal_problem(const Clients& clients, const ConnectRequest& request);

/// The redirect URI to use: the one asked for, else the first one registered.
[[nodiscard]] std::string redirect_of(const Clients& clients, const ConnectRequest& request);

/// What is wrong so that the application is told through its redirect URI (`configuration_error`).
[[nodiscard]] std::optional<std::string> configuration_problem(const ConnectRequest& request);

/// What the owner decided on the page, or a preset decided for him.
struct Decision {
  std::string error{};                  ///< an `error` of the callback; empty: allowed
  std::string user{};                   ///< id or e-mail; an unknown e-mail becomes a new owner; empty: the first owner
  std::vector<std::string> vehicles{};  ///< ids; empty: all of the owner's
};

/// The address that the browser is sent to: code, user_id and state, or error, error_description and state.
[[nodiscard]] std::string conclude(World& world, const ConnectRequest& request, const Decision& decision, WallTime now);

/// Re-authentication: the vehicle's account errors are mended; no code, the tokens work again.
[[nodiscard]] std::string conclude_reauthentication(World& world, const ConnectRequest& request,
                                                    const Decision& decision);

/// `error` values of the callback with their fixed descriptions.
[[nodiscard]] const std::vector<std::pair<std::string, std::string>>& connect_errors();

}  // namespace keyfob::sim
