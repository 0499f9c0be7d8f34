#include <boost/json.hpp>

#include "api/handlers.hpp"
#include "api/render.hpp"

namespace keyfob::api {
namespace {

namespace json = boost::json;

json::value parsed(const std::string& text) {
  json::error_code error;
  return json::parse(text, error);
}

}  // namespace

Task<Outcome> list_connections(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  if (!call.admission->users.empty()) co_return refuse("forbidden", "the caller is kept to some users");
  engine::Reconciler::Ask ask{.cursor = call.query.text("cursor")};
  AppId id = (*app)->app().id;
  const auto page = co_await services.engine.reconciler().connections(std::move(id), std::move(ask));
  if (!page) co_return refuse(page.error());
  json::array list;
  for (const Connection& one : page->connections) {
    list.push_back(json::object{{"provider_user", one.provider_user.str()}, {"vehicle", one.vehicle.str()}});
  }
  json::object answer{{"connections", std::move(list)}, {"next_cursor", nullptr}};
  if (!page->next_cursor.empty()) answer["next_cursor"] = page->next_cursor;
  co_return json_response(200, json::serialize(answer));
}

Task<Outcome> identify_grant(Services& services, Call call) {
  const auto grant = co_await find_grant(services, call);
  if (!grant) co_return std::unexpected(grant.error());
  GrantRef ref{grant->app, grant->id};
  const auto known = co_await services.engine.reconciler().identify(std::move(ref));
  if (!known) co_return refuse(known.error(), "unknown_grant");
  co_return json_response(200, grant_json({*known, app_name(*services.directory(), known->app)}));
}

Task<Outcome> reconcile_grant(Services& services, Call call) {
  const auto grant = co_await find_grant(services, call);
  if (!grant) co_return std::unexpected(grant.error());
  GrantRef ref{grant->app, grant->id};
  const auto done = co_await services.engine.reconciler().reconcile(std::move(ref));
  if (!done) co_return refuse(done.error(), "unknown_grant");
  json::array missing;
  for (const VehicleId& vehicle : done->missing) missing.emplace_back(vehicle.str());
  const std::string shown = grant_json({done->grant, app_name(*services.directory(), done->grant.app)});
  const json::object answer{
      {"result", engine::to_string(done->result)}, {"missing", std::move(missing)}, {"grant", parsed(shown)}};
  co_return json_response(200, json::serialize(answer));
}

}  // namespace keyfob::api
