#include <algorithm>
#include <vector>

#include "api/body_reader.hpp"
#include "api/handlers.hpp"
#include "api/render.hpp"

namespace keyfob::api {
namespace {

const std::vector<std::string_view> kFields = {"provider",     "client_id",        "client_secret", "management_token",
                                               "v3_client_id", "v3_client_secret", "mode",          "redirect_uri",
                                               "scopes",       "return_to",        "webhook_url",   "webhook_secret"};

std::vector<std::string_view> fields_with_name() {
  std::vector<std::string_view> fields = kFields;
  fields.emplace_back("name");
  return fields;
}

std::optional<Mode> read_mode(BodyReader& body) {
  const auto name = body.text_if("mode");
  if (!name) return std::nullopt;
  if (*name == "live") return Mode::live;
  if (*name == "simulated") return Mode::simulated;
  body.complain("'mode' is unknown", "one of: live, simulated");
  return std::nullopt;
}

engine::ApplicationEdit read_edit(BodyReader& body) {
  return {.client_id = body.text_if("client_id"),
          .provider = body.text_if("provider"),
          .v3_client_id = body.text_if("v3_client_id"),
          .mode = read_mode(body),
          .redirect_uri = body.text_if("redirect_uri"),
          .scopes = body.texts_if("scopes"),
          .return_to = body.texts_if("return_to"),
          .client_secret = body.secret_if<ClientSecret>("client_secret"),
          .management_token = body.secret_if<ManagementToken>("management_token"),
          .v3_client_secret = body.secret_if<ClientSecret>("v3_client_secret"),
          .webhook_url = body.text_if("webhook_url"),
          .webhook_secret = body.secret_if<Secret>("webhook_secret")};
}

/// The application that the path names, if the caller may see it.
Answer<AppPtr> named_app(const Services& services, const Call& call) {
  auto app = find_app(*services.directory(), call.captures.front());
  if (!app) return app;
  if (const auto visible = may_see_app(call, (*app)->app().id); !visible) return std::unexpected(visible.error());
  return app;
}

void access_changed(const Services& services) {
  if (services.options.access_changed) services.options.access_changed();
}

Outcome app_response(const Services& services, int status, const AppId& id) {
  const AppPtr app = services.directory()->find(id);
  if (app == nullptr) return refuse("unknown_app", "the application has just been removed");
  return json_response(status, app_json(*app));
}

}  // namespace

Task<Outcome> list_apps(Services& services, Call call) {
  std::vector<AppPtr> apps;
  const auto directory = services.directory();
  for (const auto& [id, app] : directory->applications) {
    if (may_see_app(call, id)) apps.push_back(app);
  }
  std::ranges::sort(apps, {}, [](const AppPtr& app) { return app->app().name; });
  co_return json_response(200, apps_json(apps));
}

Task<Outcome> post_app(Services& services, Call call) {
  BodyReader body(call.request.body, fields_with_name());
  std::string name = body.text("name", Need::required);
  engine::ApplicationEdit edit = read_edit(body);
  if (body.error()) co_return refuse(*body.error());
  call.note->subject = name;
  const auto added = co_await services.engine.directory().add_application(std::move(name), std::move(edit));
  if (!added) co_return refuse(added.error());
  call.note->app = added->id;
  access_changed(services);
  co_return app_response(services, 201, added->id);
}

Task<Outcome> get_app(Services& services, Call call) {
  const auto app = named_app(services, call);
  if (!app) co_return std::unexpected(app.error());
  co_return json_response(200, app_json(**app));
}

Task<Outcome> patch_app(Services& services, Call call) {
  const auto app = named_app(services, call);
  if (!app) co_return std::unexpected(app.error());
  BodyReader body(call.request.body, kFields);
  engine::ApplicationEdit edit = read_edit(body);
  if (body.error()) co_return refuse(*body.error());
  AppId id = (*app)->app().id;
  const auto changed = co_await services.engine.directory().set_application(id, std::move(edit));
  if (!changed) co_return refuse(changed.error(), "unknown_app");
  access_changed(services);
  co_return app_response(services, 200, id);
}

Task<Outcome> delete_app(Services& services, Call call) {
  const auto app = named_app(services, call);
  if (!app) co_return std::unexpected(app.error());
  AppId id = (*app)->app().id;
  const auto removed = co_await services.engine.directory().remove_application(std::move(id));
  if (!removed) co_return refuse(removed.error(), "unknown_app");
  access_changed(services);
  co_return empty_response(204);
}

}  // namespace keyfob::api
