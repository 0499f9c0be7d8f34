#include "engine/event_body.hpp"

#include <boost/json.hpp>

namespace keyfob::engine {
namespace {

namespace json = boost::json;

json::value text_or_null(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object head_of(const EventHead& head, const AppId& app) {
  return {{"id", head.id},        {"event", head.name},  {"at", to_rfc3339(head.at)},
          {"app", head.app_name}, {"app_id", app.str()}, {"reason", text_or_null(head.reason)}};
}

json::array vehicles_of(const Grant& grant) {
  json::array out;
  for (const VehicleId& vehicle : grant.vehicles) out.emplace_back(vehicle.str());
  return out;
}

json::value attention_of(const Grant& grant) {
  if (!grant.attention) return nullptr;
  return {{"reason", grant.attention->reason},
          {"vehicle", grant.attention->vehicle.str()},
          {"since", to_rfc3339(grant.attention->since)}};
}

OutboxRow row_of(const EventHead& head, const AppId& app, std::string_view stream, const json::object& body) {
  OutboxRow row;
  row.id = head.id;
  row.destination = kEventsDestination;
  row.app = app;
  row.stream = stream;
  row.name = head.name;
  row.body = json::serialize(body);
  row.at = head.at;
  return row;
}

}  // namespace

OutboxRow grant_event(const EventHead& head, const Grant& grant) {
  json::object body = head_of(head, grant.app);
  body["grant"] = grant.id.str();
  body["user"] = grant.user.str();
  body["provider_user"] = text_or_null(grant.provider_user.view());
  body["vehicles"] = vehicles_of(grant);
  body["status"] = to_string(grant.status);
  body["attention"] = attention_of(grant);
  body["refresh_expires_at"] = to_rfc3339(grant.refresh_expires_at);
  return row_of(head, grant.app, grant.id.view(), body);
}

OutboxRow application_event(const EventHead& head, const AppId& app) {
  return row_of(head, app, app.view(), head_of(head, app));
}

}  // namespace keyfob::engine
