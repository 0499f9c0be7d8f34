#include "model/connect.hpp"

#include <algorithm>
#include <array>

namespace keyfob::sim {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

std::string encode(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  static constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

std::string with_query(std::string uri, const Parameters& parameters) {
  char separator = uri.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    uri += separator + name + "=" + encode(value);
    separator = '&';
  }
  return uri;
}

/// http for this machine only, https, or the application's own scheme for mobile apps.
bool permitted_form(std::string_view uri, std::string_view client) {
  constexpr std::array<std::string_view, 3> kLocal{"http://localhost", "http://127.0.0.1", "http://[::1]"};
  if (uri.starts_with("https://") || uri.starts_with("sc" + std::string(client) + "://")) return true;
  return std::ranges::any_of(kLocal, [&](std::string_view origin) {
    if (!uri.starts_with(origin)) return false;
    const std::string_view rest = uri.substr(origin.size());
    return rest.empty() || rest.front() == ':' || rest.front() == '/' || rest.front() == '?';
  });
}

std::string description_of(std::string_view error) {
  for (const auto& [name, text] : connect_errors()) {
    if (name == error) return text;
  }
  return "A preset error of the simulator.";
}

/// E-mails that the vendor's test mode reserves.
std::string error_of_email(std::string_view email) {
  if (email == "smartcar@invalid-subscription.com") return "invalid_subscription";
  if (email == "smartcar@vehicle-incompatible.com") return "vehicle_incompatible";
  return {};
}

std::string refusal(const ConnectRequest& request, const std::string& redirect, const std::string& error,
                    std::string_view message = {}) {
  Parameters parameters{{"error", error}, {"error_description", description_of(error)}, {"state", request.state}};
  if (error == "vehicle_incompatible") {
    for (auto&& detail :
         Parameters{{"vin", "0SCAUDI012FE3B132"}, {"make", "AUDI"}, {"model", "e-tron"}, {"year", "2019"}}) {
      parameters.push_back(std::move(detail));
    }
  }
  if (error == "configuration_error") {
    parameters.emplace_back("status_code", "400");
    parameters.emplace_back("error_message", message);
  }
  return with_query(redirect, parameters);
}

Owner& owner_for(World& world, const std::string& name, WallTime now) {
  if (name.empty()) return world.owners.all().empty() ? world.owners.add("", 1, now) : world.owners.all().front();
  if (Owner* known = world.owners.find(name)) return *known;
  return world.owners.add(name, 1, now);
}

/// The vehicles that were chosen and are his, narrowed by single select and make.
std::vector<std::string> chosen_vehicles(World& world, const Owner& owner, const ConnectRequest& request,
                                         const std::vector<std::string>& wanted) {
  std::vector<std::string> chosen;
  for (const std::string& id : owner.vehicles) {
    const Vehicle& vehicle = *world.owners.vehicle(id);
    const bool asked = wanted.empty() || std::ranges::find(wanted, id) != wanted.end();
    const bool right_vin = request.single_select_vin.empty() || vehicle.vin == request.single_select_vin;
    const bool right_make = request.make.empty() || !request.single_select_vin.empty() || vehicle.make == request.make;
    if (asked && right_vin && right_make) chosen.push_back(id);
  }
  if (request.single_select == "true" && chosen.size() > 1) chosen.resize(1);
  return chosen;
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& connect_errors() {
  static const std::vector<std::pair<std::string, std::string>> kErrors{
      {"access_denied", "User denied access to application."},
      {"vehicle_incompatible", "The user's vehicle is not compatible."},
      {"invalid_subscription", "User does not have an active connected vehicle subscription."},
      {"no_vehicles", "The user has no vehicles in this account."},
      {"user_manually_returned_to_application", "The user exited Connect before granting your application access"},
      {"oem_cancelled_login", "The user did not complete authorization with the OEM"},
      {"configuration_error", "There has been an error in the configuration of your application."},
      {"server_error", "Unexpected server error. Please try again."}};
  return kErrors;
}

std::optional<std::string> fatal_problem(const Clients& clients, const ConnectRequest& request) {
  if (!clients.known(request.client_id)) return "Invalid parameter client_id: " + request.client_id;
  const std::string redirect = redirect_of(clients, request);
  const Client* client = clients.find(request.client_id);
  const bool registered = client == nullptr || client->redirect_uris.empty() ||
                          std::ranges::find(client->redirect_uris, redirect) != client->redirect_uris.end();
  if (!registered || !permitted_form(redirect, request.client_id)) {
    return "Invalid parameter redirect_uri: " + request.redirect_uri;
  }
  return std::nullopt;
}

std::string redirect_of(const Clients& clients, const ConnectRequest& request) {
  if (!request.redirect_uri.empty()) return request.redirect_uri;
  const Client* client = clients.find(request.client_id);
  return client == nullptr || client->redirect_uris.empty() ? "" : client->redirect_uris.front();
}

std::optional<std::string> configuration_problem(const ConnectRequest& request) {
  const auto one_of = [](std::string_view value, std::initializer_list<std::string_view> known) {
    return value.empty() || std::ranges::find(known, value) != known.end();
  };
  if (request.response_type != "code") return "Invalid parameter response_type: " + request.response_type;
  if (!one_of(request.mode, {"live", "test", "simulated"})) return "Invalid parameter mode: " + request.mode;
  if (!one_of(request.single_select, {"true", "false"})) {
    return "Invalid parameter single_select: " + request.single_select;
  }
  if (!request.single_select_vin.empty() && request.single_select != "true") {
    return "Invalid parameter single_select_vin: needs single_select=true";
  }
  for (const std::string& permission : parse_scope(request.scope)) {
    const auto& known = all_permissions();
    if (std::ranges::find(known, permission) == known.end()) return "Invalid parameter scope: " + permission;
  }
  return std::nullopt;
}

std::string conclude(World& world, const ConnectRequest& request, const Decision& decision, WallTime now) {
  const std::string redirect = redirect_of(world.clients, request);
  if (const auto problem = configuration_problem(request)) {
    return refusal(request, redirect, "configuration_error", *problem);
  }
  std::string error = decision.error.empty() ? error_of_email(decision.user) : decision.error;
  if (!error.empty()) return refusal(request, redirect, error);
  const Owner& owner = owner_for(world, decision.user, now);
  Consent consent;
  consent.client = request.client_id;
  consent.user = owner.id;
  consent.vehicles = chosen_vehicles(world, owner, request, decision.vehicles);
  consent.scopes = parse_scope(request.scope);
  consent.single_select = request.single_select == "true";
  if (!request.mode.empty()) consent.mode = request.mode;
  if (consent.vehicles.empty()) return refusal(request, redirect, "no_vehicles");
  const std::string external = request.external_id == "null" ? "" : request.external_id;
  consent.external_id = external;
  const std::string code = world.approve(std::move(consent), request.redirect_uri, now);
  return with_query(redirect,
                    {{"code", code}, {"user_id", owner.id}, {"state", request.state}, {"external_id", external}});
}

std::string conclude_reauthentication(World& world, const ConnectRequest& request, const Decision& decision) {
  const std::string redirect = redirect_of(world.clients, request);
  if (!decision.error.empty()) return refusal(request, redirect, decision.error);
  Vehicle* vehicle = world.owners.vehicle(request.vehicle_id);
  if (vehicle == nullptr || request.response_type != "vehicle_id") {
    return refusal(request, redirect, "configuration_error", "Invalid parameter vehicle_id: " + request.vehicle_id);
  }
  if (vehicle->error_type == "CONNECTED_SERVICES_ACCOUNT") vehicle->error_type = vehicle->error_code = "";
  return with_query(redirect, {{"vehicle_id", vehicle->id}, {"state", request.state}});
}

}  // namespace keyfob::sim
