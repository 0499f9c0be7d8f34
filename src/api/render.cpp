#include "api/render.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace keyfob::api {
namespace {

namespace json = boost::json;

constexpr std::array kPurposes = {SecretPurpose::client_secret,    SecretPurpose::previous_client_secret,
                                  SecretPurpose::management_token, SecretPurpose::previous_management_token,
                                  SecretPurpose::v3_client_secret, SecretPurpose::webhook_secret};

json::array texts(const std::vector<std::string>& items) { return json::array(items.begin(), items.end()); }

template <class Id>
json::array ids(const std::vector<Id>& items) {
  json::array out;
  for (const Id& id : items) out.emplace_back(id.str());
  return out;
}

json::value time_or_null(const std::optional<WallTime>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::value text_or_null(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::value attention_of(const Grant& grant) {
  if (!grant.attention) return nullptr;
  return {{"reason", grant.attention->reason},
          {"vehicle", grant.attention->vehicle.str()},
          {"since", to_rfc3339(grant.attention->since)}};
}

json::object object_of(const NamedGrant& named) {
  const Grant& grant = named.grant;
  return {{"id", grant.id.str()},
          {"app", named.app},
          {"user", grant.user.str()},
          {"provider_user", grant.provider_user.str()},
          {"vehicles", ids(grant.vehicles)},
          {"scope", grant.scope},
          {"status", to_string(grant.status)},
          {"attention", attention_of(grant)},
          {"generation", grant.version.generation.value()},
          {"epoch", grant.version.epoch.value()},
          {"access_expires_at", to_rfc3339(grant.access_expires_at)},
          {"refresh_expires_at", to_rfc3339(grant.refresh_expires_at)},
          {"created_at", to_rfc3339(grant.created_at)},
          {"updated_at", to_rfc3339(grant.updated_at)}};
}

json::object object_of(const engine::ApplicationView& view) {
  const Application& app = view.app();
  json::array secrets;
  for (const SecretPurpose purpose : kPurposes) {
    if (view.has_secret(purpose)) secrets.emplace_back(to_string(purpose));
  }
  return {{"id", app.id.str()},
          {"name", app.name},
          {"provider", app.provider},
          {"client_id", app.client_id},
          {"v3_client_id", app.v3_client_id},
          {"mode", app.mode == Mode::live ? "live" : "simulated"},
          {"redirect_uri", app.redirect_uri},
          {"scopes", texts(app.scopes)},
          {"return_to", texts(app.return_to)},
          {"webhook_url", app.webhook_url},
          {"secrets", std::move(secrets)},
          {"created_at", to_rfc3339(app.created_at)},
          {"updated_at", to_rfc3339(app.updated_at)}};
}

json::array permissions_of(const Caller& caller) {
  json::array out;
  for (const Permission permission : caller.permissions) out.emplace_back(to_string(permission));
  return out;
}

std::int64_t whole_seconds(Milliseconds d) { return std::max<std::int64_t>(0, d.count() / 1000); }

}  // namespace

http::Response empty_response(int status) { return {.status = status, .headers = {{"Cache-Control", "no-store"}}}; }

http::Response json_response(int status, std::string json) {
  http::Response response = empty_response(status);
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = std::move(json);
  return response;
}

std::string grant_json(const NamedGrant& grant) { return json::serialize(object_of(grant)); }

std::string grants_json(const std::vector<NamedGrant>& grants, std::string_view next_cursor) {
  json::array list;
  for (const NamedGrant& grant : grants) list.emplace_back(object_of(grant));
  return json::serialize(json::object{{"grants", std::move(list)}, {"next_cursor", text_or_null(next_cursor)}});
}

std::string app_json(const engine::ApplicationView& app) { return json::serialize(object_of(app)); }

std::string apps_json(const std::vector<std::shared_ptr<const engine::ApplicationView>>& apps) {
  json::array list;
  for (const auto& app : apps) list.emplace_back(object_of(*app));
  return json::serialize(json::object{{"apps", std::move(list)}});
}

std::string caller_json(const Caller& caller, std::string_view app) {
  const json::object body = {{"id", caller.id.str()},
                             {"name", caller.name},
                             {"app", text_or_null(app)},
                             {"permissions", permissions_of(caller)},
                             {"users", ids(caller.users)},
                             {"routes", texts(caller.routes)},
                             {"expires_at", time_or_null(caller.expires_at)},
                             {"disabled", caller.disabled},
                             {"created_at", to_rfc3339(caller.created_at)},
                             {"updated_at", to_rfc3339(caller.updated_at)}};
  return json::serialize(body);
}

std::string list_json(std::string_view name, const std::vector<std::string>& items) {
  std::string out = "{\"" + std::string(name) + "\":[";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ",") + items[i];
  return out + "]}";
}

std::string import_json(const ImportReport& report) {
  json::array failed;
  for (const FailedLine& line : report.failed) {
    failed.emplace_back(json::object{
        {"line", line.line}, {"code", line.code}, {"detail", line.detail}, {"hint", text_or_null(line.hint)}});
  }
  return json::serialize(json::object{{"imported", report.imported},
                                      {"replaced", report.replaced},
                                      {"unchanged", report.unchanged},
                                      {"kept", report.kept},
                                      {"failed", std::move(failed)}});
}

namespace {

json::value outbox_of(const NodeReport& report) {
  if (!report.outbox) return nullptr;
  json::array out;
  for (const Outgoing& one : *report.outbox) {
    out.emplace_back(json::object{
        {"to", one.to}, {"waiting", one.waiting}, {"attempts", one.attempts}, {"oldest", to_rfc3339(one.oldest)}});
  }
  return out;
}

}  // namespace

std::string status_json(const NodeReport& report) {
  return json::serialize(json::object{{"version", report.version},
                                      {"ready", report.ready},
                                      {"applications", report.applications},
                                      {"callers", report.callers},
                                      {"flights", report.engine.flights},
                                      {"spooled", report.engine.spooled},
                                      {"cached", report.engine.cached},
                                      {"suspended", texts(report.suspended)},
                                      {"outbox", outbox_of(report)}});
}

std::string connect_json(const engine::ConnectUrl& url) {
  return json::serialize(
      json::object{{"url", url.url}, {"state", url.state}, {"expires_in", whole_seconds(url.expires_in)}});
}

std::string pair_json(std::string_view name, std::string_view value) {
  return json::serialize(json::object{{name, value}});
}

}  // namespace keyfob::api
