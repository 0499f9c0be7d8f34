// v3 management: webhooks and subscriptions, compatible vehicles.
#include <algorithm>

#include "web/json.hpp"
#include "web/sim.hpp"
#include "web/v3_call.hpp"
#include "web/v3_json.hpp"

namespace keyfob::sim {
namespace {

json::object webhook_json(const Webhook& w) {
  const std::string self = "/v3/webhooks/" + w.id;
  return {{"id", w.id},
          {"type", "webhook"},
          {"attributes", json::object{{"name", w.name},
                                      {"callbackUri", w.url},
                                      {"version", w.version},
                                      {"verified", w.state == Webhook::State::verified},
                                      {"signals", array_of(w.signals)}}},
          {"links", json::object{{"self", self}}}};
}

bool owns(const V3Caller& caller, const Webhook& webhook) {
  return caller.client.empty() || webhook.client.empty() || webhook.client == caller.client;
}

http::Response list_webhooks(Call& call) {
  const auto caller = application_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  json::array all;
  for (const Webhook& webhook : call.world().webhooks.all()) {
    if (owns(*caller, webhook)) all.push_back(webhook_json(webhook));
  }
  const auto page = v3_page(call, all.size(), {10, 100});
  if (!page) return refuse_v3(call, page.error());
  json::array data;
  for (std::size_t i = page->begin; i < page->end; ++i) data.push_back(all[i]);
  return v3_list(call, std::move(data), *page);
}

http::Response show_webhook(Call& call) {
  const auto caller = application_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  const Webhook* webhook = call.world().webhooks.find(call.captured("webhook"));
  if (webhook == nullptr || !owns(*caller, *webhook)) return refuse_v3(call, kNoPath);
  return json_response(200, json::object{{"data", webhook_json(*webhook)}});
}

json::object subscription_json(const Subscription& s) {
  return {{"id", s.id},
          {"type", "subscription"},
          {"attributes", json::object{{"webhookId", s.webhook}, {"userId", s.user}, {"vehicleId", s.vehicle}}},
          {"meta", json::object{{"createdAt", to_rfc3339(s.created)}}},
          {"links", json::object{{"self", "/v3/subscriptions/" + s.id}}}};
}

bool connected(const Call& call, const V3Caller& caller, const std::string& user, const std::string& vehicle) {
  return !call.world()
              .connections([&](const Connection& c) {
                return c.user == user && c.vehicle == vehicle && World::visible(c, caller.client);
              })
              .empty();
}

http::Response create_subscription(Call& call) {
  const auto caller = application_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  const json::value body = parse_object(call.request.body).value_or(json::object());
  boost::system::error_code missing;
  const json::value* at = body.find_pointer("/data/attributes", missing);
  const json::object wanted = at != nullptr && at->is_object() ? at->get_object() : json::object();
  const std::string user = text_of(wanted, "userId").value_or(caller->user);
  const std::string vehicle = text_of(wanted, "vehicleId").value_or("");
  const Webhook* webhook = call.world().webhooks.find(text_of(wanted, "webhookId").value_or(""));
  if (webhook == nullptr || !owns(*caller, *webhook)) {
    return refuse_v3(call, {400, "VALIDATION", "BAD_REQUEST", "webhookId names no webhook"});
  }
  if (!connected(call, *caller, user, vehicle)) return refuse_v3(call, kNoVehicle);
  const Subscription* made = call.world().webhooks.subscribe(webhook->id, user, vehicle, call.now);
  if (made == nullptr) return refuse_v3(call, {409, "CONFLICT", "SUBSCRIPTION_EXISTS", "It is subscribed already."});
  return json_response(202, json::object{{"data", subscription_json(*made)}});
}

/// The subscriptions of the caller's connections that the filters of the query admit, newest first.
std::vector<const Subscription*> chosen(const Call& call, const V3Caller& caller) {
  const auto admits = [&](std::string_view filter, const std::string& value) {
    const std::string wanted = call.parameter(filter);
    return wanted.empty() || wanted == value;
  };
  std::vector<const Subscription*> found;
  for (const Subscription& s : call.world().webhooks.subscriptions()) {
    const bool fits = admits("filter[userId]", s.user) && admits("filter[webhookId]", s.webhook) &&
                      admits("filter[vehicleId]", s.vehicle);
    if (fits && connected(call, caller, s.user, s.vehicle)) found.insert(found.begin(), &s);
  }
  return found;
}

http::Response list_subscriptions(Call& call) {
  const auto caller = application_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  const auto all = chosen(call, *caller);
  const auto page = v3_page(call, all.size(), {25, 100});
  if (!page) return refuse_v3(call, page.error());
  json::array data;
  for (std::size_t i = page->begin; i < page->end; ++i) data.push_back(subscription_json(*all[i]));
  return v3_list(call, std::move(data), *page);
}

V3Answer<const Subscription*> subscription_of_path(const Call& call) {
  const auto caller = application_of(call);
  if (!caller) return std::unexpected(caller.error());
  for (const Subscription& s : call.world().webhooks.subscriptions()) {
    if (s.id == call.captured("subscription") && connected(call, *caller, s.user, s.vehicle)) return &s;
  }
  return std::unexpected(kNoPath);
}

http::Response show_subscription(Call& call) {
  const auto found = subscription_of_path(call);
  if (!found) return refuse_v3(call, found.error());
  return json_response(200, json::object{{"data", subscription_json(**found)}});
}

http::Response delete_subscription(Call& call) {
  const auto found = subscription_of_path(call);
  if (!found) return refuse_v3(call, found.error());
  const std::string id = (*found)->id;
  call.world().webhooks.unsubscribe([&](const Subscription& s) { return s.id == id; });
  return no_content();
}

http::Response compatible_vehicles(Call& call) {
  const auto caller = application_of(call);
  if (!caller) return refuse_v3(call, caller.error());
  const std::string make = call.parameter("filter[make]");
  json::array all;
  for (const Build& build : catalogue()) {
    if (!make.empty() && make != build.make) continue;
    const std::string id = std::string(build.make) + "-" + build.model;
    json::object attributes{{"make", build.make},
                            {"model", build.model},
                            {"year", build.year},
                            {"powertrainType", to_string(build.powertrain)}};
    all.push_back(json::object{{"id", id}, {"type", "compatible-vehicle"}, {"attributes", std::move(attributes)}});
  }
  const auto page = v3_page(call, all.size(), {10, 100});
  if (!page) return refuse_v3(call, page.error());
  json::array data;
  for (std::size_t i = page->begin; i < page->end; ++i) data.push_back(all[i]);
  return v3_list(call, std::move(data), *page);
}

constexpr std::array kRoutes{
    Route{"GET", "/v3/webhooks", Place::management, list_webhooks},
    Route{"GET", "/v3/webhooks/{webhook}", Place::management, show_webhook},
    Route{"POST", "/v3/subscriptions", Place::management, create_subscription},
    Route{"GET", "/v3/subscriptions", Place::management, list_subscriptions},
    Route{"GET", "/v3/subscriptions/{subscription}", Place::management, show_subscription},
    Route{"DELETE", "/v3/subscriptions/{subscription}", Place::management, delete_subscription},
    Route{"GET", "/v3/compatible-vehicles", Place::management, compatible_vehicles},
};

}  // namespace

std::span<const Route> v3_management_routes() { return kRoutes; }

}  // namespace keyfob::sim
