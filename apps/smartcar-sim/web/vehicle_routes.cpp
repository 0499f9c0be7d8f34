// The v2.0 vehicle API: attributes, readings, commands, batch, permissions, disconnect.
#include "web/bearer.hpp"
#include "web/endpoints.hpp"
#include "web/json.hpp"
#include "web/paging.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {
namespace {

bool imperial(const Call& call) { return call.request.header("sc-unit-system").value_or("") == "imperial"; }

std::vector<http::Header> data_headers(const Call& call, const Vehicle& vehicle) {
  return {{"sc-data-age", to_rfc3339(vehicle.data_at)},
          {"sc-fetched-at", to_rfc3339(call.now)},
          {"sc-unit-system", imperial(call) ? "imperial" : "metric"}};
}

/// The half-built link of an account error: the application adds redirect_uri and state.
std::string link_to_mend(const Call& call, const Admission& admission, const ApiError& error) {
  const bool account = error.type == "CONNECTED_SERVICES_ACCOUNT";
  if (!account || (error.resolution != "REAUTHENTICATE" && error.resolution != "ACTION_REQUIRED")) return {};
  const std::string host(call.request.header("host").value_or("localhost"));
  return "http://" + host + "/oauth/reauthenticate?response_type=vehicle_id&client_id=" +
         http::encode_component(admission.grant->consent.client) + "&vehicle_id=" + admission.vehicle->id;
}

/// What keeps a vehicle from answering although the call is allowed. Counts the call.
std::optional<ApiError> trouble_of(const Call& call, const Admission& admission, Needs needs) {
  const Vehicle& vehicle = *admission.vehicle;
  if (auto refused = call.sim.meter.count(vehicle.id, call.world().settings(), call.now)) return refused;
  if (!vehicle.error_type.empty()) {
    ApiError error = api_error(vehicle.error_type, vehicle.error_code);
    error.url = link_to_mend(call, admission, error);
    return error;
  }
  if (!capable(vehicle, needs)) return api_error("COMPATIBILITY", "VEHICLE_NOT_CAPABLE");
  return std::nullopt;
}

/// What remains of a path below the vehicle when the make in front of it is the vehicle's own; empty: it is not.
std::string_view below_make(std::string_view path, const Vehicle& vehicle) {
  std::string make = "/" + vehicle.make;
  for (char& c : make) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool own = path.starts_with(make) && path.size() > make.size() && path[make.size()] == '/';
  return own ? path.substr(make.size()) : std::string_view();
}

bool names_a_make(std::string_view path) {
  const auto end = path.find('/', 1);
  return end != std::string_view::npos && find_make_reading(path.substr(end)) != nullptr;
}

ApiError no_such_path() { return api_error("RESOURCE_NOT_FOUND", "PATH"); }

/// /{make}/speedometer and its like: of the vehicle's own make, written in lower case; else PERMISSION.
http::Response read_of_make(Call& call, std::string_view path) {
  const auto vehicle = admit_vehicle(call, "");
  if (!vehicle) return refuse(call, vehicle.error());
  const Reading* reading = find_make_reading(below_make(path, *vehicle->vehicle));
  if (reading == nullptr || !covers(*vehicle->grant, reading->permission)) return refuse(call, api_error("PERMISSION"));
  if (const auto trouble = trouble_of(call, *vehicle, reading->needs)) return refuse(call, *trouble);
  http::Response response = json_response(200, reading->read(*vehicle->vehicle, imperial(call)));
  for (auto& header : data_headers(call, *vehicle->vehicle)) response.headers.push_back(std::move(header));
  return response;
}

/// The part of the path below the vehicle.
std::string_view below(const Call& call) {
  const auto found = call.captures.find("rest");
  return found == call.captures.end() ? std::string_view() : found->second;
}

http::Response read_vehicle(Call& call) {
  if (names_a_make(below(call))) return read_of_make(call, below(call));
  const Reading* reading = find_reading(below(call));
  const auto admission = admit_vehicle(call, reading == nullptr ? "" : reading->permission);
  if (!admission) return refuse(call, admission.error());
  if (reading == nullptr) return refuse(call, no_such_path());
  if (const auto trouble = trouble_of(call, *admission, reading->needs)) return refuse(call, *trouble);
  http::Response response = json_response(200, reading->read(*admission->vehicle, imperial(call)));
  for (auto& header : data_headers(call, *admission->vehicle)) response.headers.push_back(std::move(header));
  return response;
}

http::Response command_vehicle(Call& call) {
  const Command* command = find_command(below(call));
  const auto admission = admit_vehicle(call, command == nullptr ? "" : command->permission);
  if (!admission) return refuse(call, admission.error());
  if (command == nullptr) return refuse(call, no_such_path());
  if (const auto trouble = trouble_of(call, *admission, command->needs)) return refuse(call, *trouble);
  const auto body = parse_object(call.request.body);
  if (!body) return refuse(call, api_error("VALIDATION", "", body.error().what));
  const auto done = command->carry_out(*admission->vehicle, *body);
  if (!done) return refuse(call, done.error());
  return json_response(200, json::object{{"status", "success"}, {"message", "Successfully sent request to vehicle"}});
}

http::Response list_permissions(Call& call) {
  const auto admission = admit_vehicle(call, "");
  if (!admission) return refuse(call, admission.error());
  const auto& scopes = admission->grant->consent.scopes;
  const std::vector<std::string> all(scopes.begin(), scopes.end());
  return page_response(call, "permissions", all, {25, 50});
}

json::object batch_item(Call& call, const Admission& admission, const std::string& path) {
  const Reading* reading = find_reading(path == "/" ? "" : path);
  std::optional<ApiError> trouble;
  if (reading == nullptr) {
    trouble = no_such_path();
  } else if (!covers(*admission.grant, reading->permission)) {
    trouble = api_error("PERMISSION");
  } else {
    trouble = trouble_of(call, admission, reading->needs);
  }
  json::object item{{"path", path}, {"code", trouble ? trouble->status : 200}};
  json::object& headers = item["headers"].emplace_object();
  if (trouble) {
    item["body"] = error_body(*trouble, call.entry.request_id);
    return item;
  }
  for (const auto& header : data_headers(call, *admission.vehicle)) headers[header.name] = header.value;
  item["body"] = reading->read(*admission.vehicle, imperial(call));
  return item;
}

http::Response batch(Call& call) {
  const auto admission = admit_vehicle(call, "");
  if (!admission) return refuse(call, admission.error());
  const auto body = parse_object(call.request.body);
  const json::value* requests = body ? body->if_contains("requests") : nullptr;
  if (requests == nullptr || !requests->is_array()) {
    ApiError error = api_error("VALIDATION", "", "requests must be an array");
    error.field = "requests";
    return refuse(call, error);
  }
  json::array responses;
  for (std::size_t i = 1; i < requests->get_array().size(); ++i) {  // the first one is paid for by the call itself
    if (!call.sim.bucket.take(call.now)) return refuse(call, api_error("RATE_LIMIT", "SMARTCAR_API"));
  }
  for (const json::value& request : requests->get_array()) {
    const std::string path = request.is_object() ? text_of(request.get_object(), "path").value_or("") : "";
    responses.push_back(batch_item(call, *admission, path));
  }
  return json_response(200, json::object{{"responses", std::move(responses)}});
}

http::Response disconnect(Call& call) {
  const std::string id = call.captured("id");
  if (const std::string token = management_token_of(call.request); call.world().clients.managed_by(token)) {
    call.world().disconnect([&](const Connection& c) { return c.vehicle == id; });
    return json_response(200, json::object{{"status", "success"}});
  }
  const auto admission = admit_vehicle(call, "");
  if (!admission) return refuse(call, admission.error());
  const Consent consent = admission->grant->consent;
  call.world().disconnect([&](const Connection& c) {
    return c.vehicle == id && c.user == consent.user && World::visible(c, consent.client);
  });
  return json_response(200, json::object{{"status", "success"}});
}

constexpr std::array kRoutes{
    Route{"POST", "/v2.0/vehicles/{id}/batch", Place::api, batch},
    Route{"GET", "/v2.0/vehicles/{id}/permissions", Place::api, list_permissions},
    Route{"DELETE", "/v2.0/vehicles/{id}/application", Place::api, disconnect},
    Route{"GET", "/v2.0/vehicles/{id}", Place::api, read_vehicle},
    Route{"GET", "/v2.0/vehicles/{id}/{rest*}", Place::api, read_vehicle},
    Route{"POST", "/v2.0/vehicles/{id}/{rest*}", Place::api, command_vehicle},
};

}  // namespace

std::span<const Route> vehicle_routes() { return kRoutes; }

}  // namespace keyfob::sim
