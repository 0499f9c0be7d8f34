// The control calls that change something: POST and DELETE below /_sim.
#include "web/json.hpp"
#include "web/reports.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {
namespace {

/// The body of a control call, read once; a call with a broken body is answered 400.
using Act = http::Response (*)(Call&, const json::object&);

template <Act act>
http::Response with_body(Call& call) {
  const auto body = parse_object(call.request.body);
  if (!body) return control_error(400, body.error().what);
  return act(call, *body);
}

http::Response ok(json::object body = {}) { return json_response(200, body); }

http::Response advance(Call& call, const json::object& body) {
  const auto amount = number_of(body, "seconds");
  if (!amount) return control_error(400, "say {\"seconds\": n}");
  call.sim.clock.advance(Milliseconds(static_cast<std::int64_t>(*amount * 1000)));
  return ok({{"now", to_rfc3339(call.sim.clock.now())}});
}

/// Copies what a test said about a fault over the usual values of its kind.
Result<Fault> read_fault(World& world, const json::object& body) {
  auto fault = fault_named(text_of(body, "kind").value_or(""));
  if (!fault) return fault;
  const auto place = parse_place(text_of(body, "where").value_or("token"));
  if (!place) return fail(place.error());
  fault->where = *place;
  fault->after = flag_of(body, "after").value_or(fault->after);
  fault->status = static_cast<int>(number_of(body, "status").value_or(fault->status));
  fault->error_type = text_of(body, "type").value_or(text_of(body, "error").value_or(""));
  fault->error_code = text_of(body, "code").value_or("");
  fault->description = text_of(body, "description").value_or("");
  fault->field = text_of(body, "field").value_or(fault->field);
  fault->vehicle = text_of(body, "vehicle").value_or("");
  if (const auto retry = number_of(body, "seconds")) fault->retry_after = static_cast<int>(*retry);
  fault->delay = Milliseconds(static_cast<std::int64_t>(number_of(body, "delay_ms").value_or(0)));
  fault->skip = static_cast<std::uint64_t>(number_of(body, "skip").value_or(0));
  const auto times = static_cast<std::uint64_t>(number_of(body, "times").value_or(1));
  fault->times = times == 0 ? std::nullopt : std::optional(times);
  if (const auto user = text_of(body, "user")) {
    const Owner* owner = world.owners.find(*user);
    if (owner == nullptr) return fail(ErrorCode::not_found, "there is no owner " + *user);
    fault->user = owner->id;
  }
  return fault;
}

http::Response plan_fault(Call& call, const json::object& body) {
  auto fault = read_fault(call.world(), body);
  if (!fault)
    return control_error(400, fault.error().what + (fault.error().hint.empty() ? "" : "; ") + fault.error().hint);
  return json_response(201, json::object{{"fault", call.world().faults.add(std::move(*fault))}});
}

http::Response clear_faults(Call& call) {
  call.world().faults.clear();
  return ok();
}

http::Response release(Call& call, const json::object&) {
  ++call.sim.releases;
  return ok({{"released", call.sim.held}});
}

void add_vehicles(Call& call, Owner& owner, const json::value* vehicles) {
  if (vehicles == nullptr || !vehicles->is_array()) return;
  for (const json::value& one : vehicles->get_array()) {
    const json::object wanted = one.is_object() ? one.get_object() : json::object();
    Vehicle& made = call.world().owners.add_vehicle(owner, text_of(wanted, "vin").value_or(""), call.now);
    change_vehicle(made, wanted);
  }
}

http::Response create_users(Call& call, const json::object& body) {
  const json::value* vehicles = body.if_contains("vehicles");
  const bool listed = vehicles != nullptr && vehicles->is_array();
  const auto each = static_cast<std::size_t>(listed ? 0 : number_of(body, "vehicles").value_or(1));
  const auto count = static_cast<std::size_t>(number_of(body, "count").value_or(1));
  const std::string email = text_of(body, "email").value_or("");
  if (!email.empty() && call.world().owners.find(email) != nullptr) return control_error(409, "that owner exists");
  json::array users;
  for (std::size_t i = 0; i < count; ++i) {
    Owner& owner = call.world().owners.add(i == 0 ? email : "", each, call.now);
    add_vehicles(call, owner, vehicles);
    users.push_back(owner_json(call.world(), owner));
  }
  if (count == 1) return json_response(201, users[0]);
  return json_response(201, json::object{{"users", std::move(users)}});
}

void put_secret(std::vector<std::string>& secrets, const std::optional<std::string>& secret, bool keep_old) {
  if (!secret) return;
  if (!keep_old) secrets.clear();
  secrets.push_back(*secret);
}

http::Response put_client(Call& call, const json::object& body) {
  const auto id = text_of(body, "client_id");
  if (!id) return control_error(400, "say {\"client_id\": ..., \"client_secret\": ...}");
  Client& client = call.world().clients.put(*id);
  const bool keep_old = flag_of(body, "keep_old").value_or(false);
  put_secret(client.secrets, text_of(body, "client_secret"), keep_old);
  put_secret(client.v3_secrets, text_of(body, "v3_client_secret"), keep_old);
  client.v3_id = text_of(body, "v3_client_id").value_or(client.v3_id);
  client.management_token = text_of(body, "management_token").value_or(client.management_token);
  if (body.contains("redirect_uris")) client.redirect_uris = texts_of(body, "redirect_uris");
  return json_response(201, json::object{{"client_id", *id}, {"secrets", client.secrets.size()}});
}

/// Chooses grants by {"user"} and {"vehicle"}; without either, all.
Result<TokenDesk::Which> chosen_grants(Call& call, const json::object& body) {
  std::string owner;
  if (const auto user = text_of(body, "user")) {
    const Owner* found = call.world().owners.find(*user);
    if (found == nullptr) return fail(ErrorCode::not_found, "there is no owner " + *user);
    owner = found->id;
  }
  return [owner](const Grant& grant) { return owner.empty() || grant.consent.user == owner; };
}

http::Response expire(Call& call, const json::object& body) {
  const auto which = chosen_grants(call, body);
  if (!which) return control_error(404, which.error().what);
  const bool refresh = flag_of(body, "refresh").value_or(false);
  const bool access = flag_of(body, "access").value_or(!refresh);
  TokenDesk& desk = call.world().desk;
  return ok({{"access_tokens", access ? desk.expire_access(*which, call.now) : 0},
             {"refresh_tokens", refresh ? desk.expire_refresh(*which, call.now) : 0}});
}

http::Response revoke(Call& call, const json::object& body) {
  const auto user = text_of(body, "user");
  const Owner* owner = user ? call.world().owners.find(*user) : nullptr;
  if (user && owner == nullptr) return control_error(404, "there is no owner " + *user);
  const std::string vehicle = text_of(body, "vehicle").value_or("");
  if (!user && vehicle.empty()) return control_error(400, "say {\"user\": ...} or {\"vehicle\": ...} or both");
  const auto removed = call.world().disconnect([&](const Connection& c) {
    return (owner == nullptr || c.user == owner->id) && (vehicle.empty() || c.vehicle == vehicle);
  });
  return ok({{"connections", removed.size()}});
}

json::object issue_one(Call& call, const json::object& body, const Owner& owner) {
  Consent consent;
  consent.client = text_of(body, "client_id").value_or("");
  consent.user = owner.id;
  consent.vehicles = body.contains("vehicles") ? texts_of(body, "vehicles") : owner.vehicles;
  if (body.contains("scope")) consent.scopes = Scopes(texts_of(body, "scope"));
  consent.single_select = flag_of(body, "single_select").value_or(false);
  const json::array vehicles = array_of(consent.vehicles);
  const TokenPair pair = call.world().issue(std::move(consent), call.now);
  return {{"access_token", pair.access_token},   {"token_type", "Bearer"}, {"expires_in", pair.expires_in.count()},
          {"refresh_token", pair.refresh_token}, {"user_id", owner.id},    {"vehicles", vehicles}};
}

http::Response issue(Call& call, const json::object& body) {
  Owners& owners = call.world().owners;
  const auto count = static_cast<std::size_t>(number_of(body, "count").value_or(1));
  const auto user = text_of(body, "user");
  if (user && owners.find(*user) == nullptr) return control_error(404, "there is no owner " + *user);
  json::array pairs;
  for (std::size_t i = 0; i < count; ++i) {
    const Owner& owner = user ? *owners.find(*user) : owners.add("", 1, call.now);
    pairs.push_back(issue_one(call, body, owner));
  }
  if (!body.contains("count")) return json_response(201, pairs[0]);
  return json_response(201, json::object{{"pairs", std::move(pairs)}});
}

http::Response preset_consent(Call& call, const json::object& body) {
  ConsentPreset& preset = call.world().preset;
  preset = {};
  preset.automatic = flag_of(body, "auto").value_or(true);
  preset.user = text_of(body, "user").value_or("");
  preset.vehicles = texts_of(body, "vehicles");
  preset.error = text_of(body, "error").value_or(flag_of(body, "deny").value_or(false) ? "access_denied" : "");
  if (!preset.user.empty() && call.world().owners.find(preset.user) == nullptr) {
    return control_error(404, "there is no owner " + preset.user);
  }
  return ok();
}

http::Response change_one_vehicle(Call& call, const json::object& body) {
  Vehicle* vehicle = call.world().owners.vehicle(text_of(body, "id").value_or(""));
  if (vehicle == nullptr) return control_error(404, "there is no such vehicle");
  change_vehicle(*vehicle, body);
  return ok(vehicle_json(*vehicle));
}

http::Response change_settings(Call& call, const json::object& body) {
  const auto changed = apply_settings(call.world().settings(), body);
  if (!changed) return control_error(400, changed.error().what);
  return ok(settings_json(call.world().settings()));
}

http::Response inspect(Call& call, const json::object& body) {
  return ok(token_json(call.world(), text_of(body, "token").value_or(""), call.now));
}

http::Response reset(Call& call, const json::object&) {
  ++call.sim.releases;
  call.sim.reset();
  return ok();
}

constexpr std::array kRoutes{
    Route{"POST", "/_sim/advance", {}, with_body<advance>},
    Route{"POST", "/_sim/fault", {}, with_body<plan_fault>},
    Route{"DELETE", "/_sim/fault", {}, clear_faults},
    Route{"POST", "/_sim/release", {}, with_body<release>},
    Route{"POST", "/_sim/users", {}, with_body<create_users>},
    Route{"POST", "/_sim/vehicle", {}, with_body<change_one_vehicle>},
    Route{"POST", "/_sim/clients", {}, with_body<put_client>},
    Route{"POST", "/_sim/consent", {}, with_body<preset_consent>},
    Route{"POST", "/_sim/issue", {}, with_body<issue>},
    Route{"POST", "/_sim/expire", {}, with_body<expire>},
    Route{"POST", "/_sim/revoke", {}, with_body<revoke>},
    Route{"POST", "/_sim/inspect", {}, with_body<inspect>},
    Route{"POST", "/_sim/settings", {}, with_body<change_settings>},
    Route{"POST", "/_sim/reset", {}, with_body<reset>},
};

}  // namespace

std::span<const Route> steering_routes() { return kRoutes; }

}  // namespace keyfob::sim
