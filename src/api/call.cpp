#include "api/call.hpp"

#include <algorithm>

namespace keyfob::api {

Answer<AppPtr> find_app(const engine::DirectorySnapshot& directory, std::string_view name) {
  AppPtr app = directory.find_by_name(name);
  if (app == nullptr) app = directory.find(AppId(name));
  if (app == nullptr) {
    return refuse("unknown_app", "there is no application of this name", "list them: GET /v1/apps");
  }
  return app;
}

std::string app_name(const engine::DirectorySnapshot& directory, const AppId& app) {
  const AppPtr found = directory.find(app);
  return found == nullptr ? app.str() : found->app().name;
}

namespace {

Answer<AppPtr> look_up_app(const Services& services, const Call& call) {
  const std::string name = call.query.text("app");
  const auto directory = services.directory();
  if (call.whole_installation()) return name.empty() ? AppPtr() : find_app(*directory, name);
  AppPtr own = directory->find(call.admission->app);
  if (own == nullptr) return refuse("forbidden", "the caller's application is gone");
  if (name.empty() || name == own->app().name || name == own->app().id.view()) return own;
  return refuse("forbidden", "the caller belongs to another application", "leave `app` out");
}

}  // namespace

Answer<AppPtr> app_if_named(const Services& services, const Call& call) {
  auto app = look_up_app(services, call);
  if (app && *app != nullptr) call.note->app = (*app)->app().id;
  return app;
}

Answer<AppPtr> app_of(const Services& services, const Call& call) {
  auto app = app_if_named(services, call);
  if (app && *app == nullptr) {
    return refuse("bad_request", "no application is named", "admins name one: ?app=NAME");
  }
  return app;
}

Answer<void> may_see(const Admission& caller, std::string_view user) {
  if (caller.may_see(user)) return {};
  return refuse("forbidden", "the caller is kept to other users");
}

Answer<void> may_ask(const Admission& caller, Subject subject) {
  if (subject.user.empty() && subject.vehicle.empty()) {
    return refuse("user_required", "neither a user nor a vehicle is named", "?user=U or ?vehicle=V");
  }
  return subject.user.empty() ? Answer<void>() : may_see(caller, subject.user);
}

Answer<void> may_see_app(const Call& call, const AppId& app) {
  if (call.whole_installation() || call.admission->app == app) return {};
  return refuse("forbidden", "the caller belongs to another application");
}

Problem problem_for(const Call& call, const TokenFailure& failure) {
  const bool about_somebody = !failure.user.empty();
  if (about_somebody && !call.admission->may_see(failure.user.view()))
    return may_see(call, failure.user.view()).error();
  return problem_of(failure);
}

namespace {

std::vector<AppId> apps_to_search(const Services& services, const AppPtr& named) {
  std::vector<AppId> apps;
  if (named != nullptr) return {named->app().id};
  const auto directory = services.directory();
  for (const auto& [id, view] : directory->applications) apps.push_back(id);
  std::ranges::sort(apps);
  return apps;
}

}  // namespace

Task<Answer<Grant>> find_grant(const Services& services, const Call& call) {
  const auto named = app_if_named(services, call);
  if (!named) co_return std::unexpected(named.error());
  const std::vector<AppId> apps = apps_to_search(services, *named);
  for (const AppId& app : apps) {
    GrantRef ref{app, GrantId(call.captures.front())};
    auto loaded = co_await services.engine.grants().load(std::move(ref));
    if (!loaded && loaded.error().code == ErrorCode::not_found) continue;
    if (!loaded) co_return refuse(loaded.error(), "unknown_grant");
    call.note->app = loaded->app;
    call.note->user = loaded->user;
    const auto visible = may_see(call, loaded->user.view());
    if (!visible) co_return std::unexpected(visible.error());
    co_return std::move(*loaded);
  }
  co_return refuse("unknown_grant", "there is no grant with this id", "list them: GET /v1/grants");
}

}  // namespace keyfob::api
