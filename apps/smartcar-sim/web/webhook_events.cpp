#include "web/webhook_events.hpp"

#include <algorithm>

#include "crypto/hash.hpp"
#include "web/endpoints.hpp"
#include "web/v3_json.hpp"

namespace keyfob::sim {
namespace {

/// What a subscription is about, or nothing when the connection or the vehicle is gone.
struct Told {
  Webhook* webhook;
  Connection connection;
  const Vehicle* vehicle;
};

std::optional<Told> told_by(World& world, const Subscription& subscription) {
  Webhook* webhook = world.webhooks.find(subscription.webhook);
  const auto found = world.connections([&](const Connection& c) {
    return c.user == subscription.user && c.vehicle == subscription.vehicle &&
           (webhook == nullptr || World::visible(c, webhook->client));
  });
  if (webhook == nullptr || webhook->state != Webhook::State::verified || found.empty()) return std::nullopt;
  return Told{webhook, found.front(), world.owners.vehicle(subscription.vehicle)};
}

bool is_v2(const Webhook& webhook) { return webhook.version == "2.0"; }

json::object user_json(const Connection& connection) {
  json::object user{{"id", connection.user}};
  if (!connection.external_id.empty()) user["externalId"] = connection.external_id;
  return user;
}

json::object about(const Told& told) {
  json::object vehicle = v3_vehicle_json(*told.vehicle, told.connection.mode).at("attributes").as_object();
  vehicle["id"] = told.vehicle->id;
  return {{"user", user_json(told.connection)}, {"vehicle", std::move(vehicle)}};
}

/// A v3 or v4 event; `meta` is completed by each attempt.
json::object event(const Told& told, std::string_view type, json::object data, json::object meta = {}) {
  meta["mode"] = told.connection.mode == "live" ? "LIVE" : "TEST";
  return {{"eventType", type}, {"data", std::move(data)}, {"meta", std::move(meta)}};
}

json::object v2_event(const Told& told, std::string_view name, json::object payload) {
  return {{"eventName", name}, {"mode", told.connection.mode}, {"payload", std::move(payload)}};
}

void queue(World& world, const Told& told, std::string type, const json::object& content, WallTime now) {
  world.webhooks.enqueue(told.webhook->id, std::move(type), to_text(content), now);
}

json::object webhook_signal(const Signal& signal, const Vehicle& vehicle, WallTime now) {
  json::object one = signal_json(signal, vehicle, now).at("attributes").as_object();
  one["meta"] = json::object{{"retrievedAt", to_unix_ms(now)}, {"oemUpdatedAt", to_unix_ms(vehicle.data_at)}};
  return one;
}

json::object trigger(const Signal& signal) {
  return {{"type", "SIGNAL_UPDATED"},
          {"signal", json::object{{"name", signal.name}, {"group", signal.group}, {"code", signal.code}}}};
}

bool is_about(const Webhook& webhook, const Signal& signal) {
  return webhook.signals.empty() || std::ranges::find(webhook.signals, signal.code) != webhook.signals.end();
}

void tell_state(World& world, const Told& told, json::array triggers, WallTime now) {
  json::array signals;
  for (const Signal* signal : signals_of(*told.vehicle)) {
    if (is_about(*told.webhook, *signal)) signals.push_back(webhook_signal(*signal, *told.vehicle, now));
  }
  json::object meta{{"signalCount", signals.size()}};
  json::object data = about(told);
  data["signals"] = std::move(signals);
  const bool inside = world.settings().triggers_in_data;
  if (inside) data["triggers"] = triggers;
  json::object content = event(told, "VEHICLE_STATE", std::move(data), std::move(meta));
  if (!inside) content["triggers"] = std::move(triggers);
  queue(world, told, "VEHICLE_STATE", content, now);
}

/// The three events that a 2.0 webhook knows beside its schedule.
void tell_charging(World& world, const Told& told, const std::string& before, WallTime now) {
  const Vehicle& v = *told.vehicle;
  const bool was = before == "true";
  if (before.empty() || was == (v.charging && v.plugged_in)) return;
  const char* type = !was                          ? "CHARGING_STARTED"
                     : v.battery >= v.charge_limit ? "CHARGING_COMPLETED"
                                                   : "CHARGING_STOPPED";
  json::object payload{{"vehicleId", v.id}, {"eventType", type}, {"eventTime", to_rfc3339(now)}};
  queue(world, told, type, v2_event(told, "eventBased", std::move(payload)), now);
}

void tell_signals(World& world, Subscription& subscription, const Told& told, WallTime now) {
  json::array changed;
  std::string charging_before;
  for (const Signal* signal : signals_of(*told.vehicle)) {
    if (!is_about(*told.webhook, *signal)) continue;
    std::string value = to_text(signal->read(*told.vehicle));
    std::string& last = subscription.told_last[std::string(signal->code)];
    if (signal->code == "charge-ischarging") charging_before = last;
    if (last != value && subscription.told) changed.push_back(trigger(*signal));
    last = std::move(value);
  }
  if (!std::exchange(subscription.told, true)) changed.push_back(json::object{{"type", "FIRST_DELIVERY"}});
  if (changed.empty()) return;
  if (is_v2(*told.webhook)) return tell_charging(world, told, charging_before, now);
  tell_state(world, told, std::move(changed), now);
}

void tell_error_of(World& world, const Told& told, const ApiError& error, bool resolved, WallTime now) {
  if (is_v2(*told.webhook)) return;  // 2.0 knows no errors but those inside a schedule
  json::object one{{"type", error.type},
                   {"code", or_null(error.code)},
                   {"state", resolved ? "RESOLVED" : "ERROR"},
                   {"description", error.description},
                   {"suggestedUserMessage", error.description},
                   {"docURL", documentation_url(error)},
                   {"resolution", json::object{{"type", or_null(error.resolution)}}},
                   {"signals", json::array()}};
  json::object data = about(told);
  data["errors"] = json::array{std::move(one)};
  queue(world, told, "VEHICLE_ERROR", event(told, "VEHICLE_ERROR", std::move(data)), now);
}

ApiError error_named(const std::string& name) {
  const auto dot = name.find('.');
  return api_error(name.substr(0, dot), name.substr(dot + 1));
}

void tell_errors(World& world, Subscription& subscription, const Told& told, WallTime now) {
  const Vehicle& v = *told.vehicle;
  const std::string present = v.error_type.empty() ? "" : v.error_type + "." + v.error_code;
  if (present == subscription.error_told) return;
  if (!subscription.error_told.empty()) tell_error_of(world, told, error_named(subscription.error_told), true, now);
  if (!present.empty()) tell_error_of(world, told, error_named(present), false, now);
  subscription.error_told = present;
}

json::object read_for_schedule(const Reading& reading, const Vehicle& vehicle, WallTime now) {
  json::object headers{
      {"sc-data-age", to_rfc3339(vehicle.data_at)}, {"sc-fetched-at", to_rfc3339(now)}, {"sc-unit-system", "metric"}};
  return {
      {"path", reading.path}, {"code", 200}, {"headers", std::move(headers)}, {"body", reading.read(vehicle, false)}};
}

}  // namespace

void tell_changes(World& world, WallTime now) {
  for (Subscription& subscription : world.webhooks.subscriptions()) {
    const auto told = told_by(world, subscription);
    if (!told) continue;
    tell_signals(world, subscription, *told, now);
    tell_errors(world, subscription, *told, now);
  }
}

void ask_to_verify(World& world, Webhook& webhook, WallTime now) {
  webhook.state = Webhook::State::unverified;
  webhook.problem.clear();
  const json::object data{{"challenge", webhook.challenge}};
  json::object content = is_v2(webhook)
                             ? json::object{{"eventName", "verify"}, {"payload", data}}
                             : json::object{{"eventType", "VERIFY"}, {"data", data}, {"meta", json::object()}};
  world.webhooks.enqueue(webhook.id, "VERIFY", to_text(content), now);
}

void tell_error(World& world, const Subscription& subscription, const ApiError& error, bool resolved, WallTime now) {
  if (const auto told = told_by(world, subscription)) tell_error_of(world, *told, error, resolved, now);
}

void tell_schedule(World& world, const Subscription& subscription, WallTime now) {
  const auto told = told_by(world, subscription);
  if (!told || !is_v2(*told->webhook)) return;
  json::array data;
  for (const Reading& reading : readings()) {
    const bool allowed = told->connection.permissions.contains(reading.permission);
    if (!reading.path.empty() && allowed && capable(*told->vehicle, reading.needs)) {
      data.push_back(read_for_schedule(reading, *told->vehicle, now));
    }
  }
  json::object vehicle{{"vehicleId", told->vehicle->id}, {"timestamp", to_rfc3339(now)}, {"data", std::move(data)}};
  json::object payload{{"vehicles", json::array{std::move(vehicle)}}};
  queue(world, *told, "schedule", v2_event(*told, "schedule", std::move(payload)), now);
}

std::string body_of(const Delivery& delivery, const Webhook& webhook, WallTime now) {
  json::object body = parse_object(delivery.content).value_or(json::object());
  if (is_v2(webhook)) {
    body["version"] = "2.0";
    body["webhookId"] = webhook.id;
    if (delivery.event_type != "VERIFY" && delivery.event_type != "schedule" && body["payload"].is_object()) {
      body["payload"].as_object()["eventId"] = delivery.event_id;
    }
    return to_text(body);
  }
  body["eventId"] = delivery.event_id;
  json::object& meta = body["meta"].is_object() ? body["meta"].as_object() : body["meta"].emplace_object();
  meta["version"] = webhook.version;
  meta["webhookId"] = webhook.id;
  meta["webhookName"] = webhook.name;
  meta["deliveryId"] = delivery.delivery_id;
  meta["deliveredAt"] = to_unix_ms(now);
  return to_text(body);
}

bool proves_key(const Webhook& webhook, std::string_view answer) {
  const auto body = parse_object(answer);
  const std::string wanted = crypto::hmac_sha256_hex(as_bytes(webhook.key), as_bytes(webhook.challenge));
  return body && text_of(*body, "challenge") == wanted;
}

}  // namespace keyfob::sim
