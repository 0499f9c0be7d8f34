// The control calls about webhooks: register, verify, tell, look.
#include "model/webhooks.hpp"

#include <algorithm>

#include "web/json.hpp"
#include "web/sim.hpp"
#include "web/webhook_events.hpp"

namespace keyfob::sim {
namespace {

json::object webhook_json(const Webhook& w) {
  return {{"id", w.id},
          {"name", w.name},
          {"url", w.url},
          {"client_id", or_null(w.client)},
          {"version", w.version},
          {"signals", array_of(w.signals)},
          {"subscribes_all", w.subscribes_all},
          {"state", to_string(w.state)},
          {"problem", or_null(w.problem)}};
}

json::object delivery_json(const Delivery& d) {
  const json::value due =
      d.state == Delivery::State::waiting ? json::value(json::string_view(to_rfc3339(d.due))) : json::value(nullptr);
  return {{"webhook", d.webhook},
          {"event_id", d.event_id},
          {"delivery_id", or_null(d.delivery_id)},
          {"event_type", d.event_type},
          {"state", to_string(d.state)},
          {"attempts", d.attempts},
          {"due", due},
          {"status", d.status},
          {"problem", or_null(d.problem)}};
}

/// The management token of a client; of none: the only one that is registered.
std::string key_of(const Clients& clients, std::string_view client) {
  const Client* found = clients.find(client);
  if (found == nullptr && clients.all().size() == 1) found = &clients.all().begin()->second;
  return found == nullptr ? "" : found->management_token;
}

http::Response register_webhook(Call& call) {
  const auto body = parse_object(call.request.body);
  if (!body) return control_error(400, body.error().what);
  Webhook webhook;
  webhook.url = text_of(*body, "url").value_or("");
  webhook.id = text_of(*body, "id").value_or("");
  webhook.client = text_of(*body, "client_id").value_or("");
  webhook.name = text_of(*body, "name").value_or(webhook.name);
  webhook.version = text_of(*body, "version").value_or(webhook.version);
  webhook.signals = texts_of(*body, "signals");
  webhook.key = text_of(*body, "management_token").value_or(key_of(call.world().clients, webhook.client));
  webhook.subscribes_all = flag_of(*body, "subscribes_all").value_or(false);
  webhook.signs_verify = flag_of(*body, "signs_verify").value_or(false);
  const bool known_version = webhook.version == "2.0" || webhook.version == "3.0" || webhook.version == "4.0";
  if (!webhook.url.starts_with("http")) return control_error(400, "say {\"url\": \"http://127.0.0.1:...\"}");
  if (!known_version) return control_error(400, "version is 2.0, 3.0 or 4.0");
  if (webhook.key.empty()) return control_error(400, "say {\"management_token\": ...}, or register it with the client");
  if (call.world().webhooks.find(webhook.id) != nullptr) return control_error(409, "that webhook exists");
  Webhook& added = call.world().webhooks.add(std::move(webhook));
  const auto all = call.world().connections([&](const Connection& c) { return World::visible(c, added.client); });
  for (const Connection& c : all) {
    if (added.subscribes_all) call.world().webhooks.subscribe(added.id, c.user, c.vehicle, call.now);
  }
  if (flag_of(*body, "verify").value_or(true)) {
    ask_to_verify(call.world(), added, call.now);
  } else {
    added.state = Webhook::State::verified;
  }
  return json_response(201, webhook_json(added));
}

http::Response list_webhooks(Call& call) {
  json::array webhooks;
  for (const Webhook& webhook : call.world().webhooks.all()) webhooks.push_back(webhook_json(webhook));
  json::array subscriptions;
  for (const Subscription& s : call.world().webhooks.subscriptions()) {
    subscriptions.push_back(
        json::object{{"id", s.id}, {"webhook", s.webhook}, {"user", s.user}, {"vehicle", s.vehicle}});
  }
  return json_response(200,
                       json::object{{"webhooks", std::move(webhooks)}, {"subscriptions", std::move(subscriptions)}});
}

/// The webhook that a body or path names; the only one when it names none.
Webhook* named_webhook(Call& call, std::string_view id) {
  auto& all = call.world().webhooks.all();
  if (id.empty() && all.size() == 1) return &all.front();
  return call.world().webhooks.find(id);
}

http::Response remove_webhook(Call& call) {
  if (!call.world().webhooks.remove(call.captured("webhook"))) return control_error(404, "there is no such webhook");
  return json_response(200, json::object());
}

http::Response verify_webhook(Call& call) {
  Webhook* webhook = named_webhook(call, call.captured("webhook"));
  if (webhook == nullptr) return control_error(404, "there is no such webhook");
  ask_to_verify(call.world(), *webhook, call.now);
  return json_response(202, webhook_json(*webhook));
}

http::Response tell_raw(Call& call, Webhook& webhook, const json::object& body) {
  const json::value* content = body.if_contains("body");
  const bool whole = content != nullptr && content->is_object();
  const std::string type = text_of(whole ? content->get_object() : body, "eventType").value_or("custom");
  Delivery& delivery = call.world().webhooks.enqueue(webhook.id, type, whole ? to_text(*content) : "{}", call.now);
  delivery.forged = flag_of(body, "forged").value_or(false);
  return json_response(202, delivery_json(delivery));
}

/// An event without anything having happened: an error (ERROR or RESOLVED), a 2.0 schedule, or any body.
http::Response tell(Call& call) {
  const auto body = parse_object(call.request.body);
  if (!body) return control_error(400, body.error().what);
  Webhook* webhook = named_webhook(call, text_of(*body, "webhook").value_or(""));
  if (webhook == nullptr) return control_error(404, "there is no such webhook");
  if (body->contains("body") || body->contains("forged")) return tell_raw(call, *webhook, *body);
  const std::string type = text_of(*body, "error_type").value_or("");
  const std::string vehicle = text_of(*body, "vehicle").value_or("");
  const bool resolved = text_of(*body, "state").value_or("ERROR") == "RESOLVED";
  const ApiError error = api_error(type, text_of(*body, "error_code").value_or(""));
  std::size_t told = 0;
  for (const Subscription& s : call.world().webhooks.subscriptions()) {
    if (s.webhook != webhook->id || (!vehicle.empty() && s.vehicle != vehicle)) continue;
    if (type.empty()) {
      tell_schedule(call.world(), s, call.now);
    } else {
      tell_error(call.world(), s, error, resolved, call.now);
    }
    ++told;
  }
  return json_response(202, json::object{{"subscriptions", told}});
}

http::Response list_deliveries(Call& call) {
  const std::string webhook = call.parameter("webhook");
  json::array found;
  const auto& all = call.world().webhooks.deliveries();
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    if (webhook.empty() || it->webhook == webhook) found.push_back(delivery_json(*it));
  }
  return json_response(200, json::object{{"deliveries", std::move(found)}});
}

constexpr std::array kRoutes{
    Route{"POST", "/_sim/webhooks", {}, register_webhook},
    Route{"GET", "/_sim/webhooks", {}, list_webhooks},
    Route{"DELETE", "/_sim/webhooks/{webhook}", {}, remove_webhook},
    Route{"POST", "/_sim/webhooks/{webhook}/verify", {}, verify_webhook},
    Route{"POST", "/_sim/event", {}, tell},
    Route{"GET", "/_sim/deliveries", {}, list_deliveries},
};

}  // namespace

std::span<const Route> hook_routes() { return kRoutes; }

}  // namespace keyfob::sim
