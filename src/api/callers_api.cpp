#include <algorithm>
#include <array>

#include "api/body_reader.hpp"
#include "api/caller_codec.hpp"
#include "api/disclose.hpp"
#include "api/handlers.hpp"
#include "api/render.hpp"

namespace keyfob::api {
namespace {

std::string render_caller(const Services& services, const Caller& caller) {
  return caller_json(caller, caller.app.empty() ? std::string() : app_name(*services.directory(), caller.app));
}

/// The caller that the path names; those of other applications do not exist for an application's admin.
Answer<Caller> named_caller(const Services& services, const Call& call) {
  const auto directory = services.directory();
  for (const CallerRecord& record : directory->callers) {
    if (record.caller.name == call.captures.front() && may_see_app(call, record.caller.app)) return record.caller;
  }
  return refuse("unknown_caller", "there is no caller of this name", "list them: GET /v1/callers");
}

/// The application of a new caller: the one named, else that of an application's admin. Empty: the whole installation.
Answer<AppId> app_for(const Services& services, const Call& call, const CallerRequest& request) {
  if (request.app.empty()) return call.admission->app;
  const auto app = find_app(*services.directory(), request.app);
  if (!app) return std::unexpected(app.error());
  if (const auto visible = may_see_app(call, (*app)->app().id); !visible) return std::unexpected(visible.error());
  return (*app)->app().id;
}

Answer<Milliseconds> read_overlap(const Services& services, const Call& call) {
  if (call.request.body.empty()) return services.options.key_overlap;
  constexpr std::array<std::string_view, 1> kFields = {"overlap"};
  BodyReader body(call.request.body, kFields);
  const auto overlap = body.duration("overlap");
  if (body.error()) return refuse(*body.error());
  return overlap.value_or(services.options.key_overlap);
}

void access_changed(const Services& services) {
  if (services.options.access_changed) services.options.access_changed();
}

}  // namespace

Task<Outcome> list_callers(Services& services, Call call) {
  const auto app = app_if_named(services, call);
  if (!app) co_return std::unexpected(app.error());
  const auto directory = services.directory();
  std::vector<const Caller*> callers;
  for (const CallerRecord& record : directory->callers) {
    if (*app == nullptr || record.caller.app == (*app)->app().id) callers.push_back(&record.caller);
  }
  std::ranges::sort(callers, {}, [](const Caller* caller) { return caller->name; });
  std::vector<std::string> items;
  for (const Caller* caller : callers) items.push_back(render_caller(services, *caller));
  co_return json_response(200, list_json("callers", items));
}

Task<Outcome> post_caller(Services& services, Call call) {
  auto request = read_new_caller(call.request.body, services.clock.wall());
  if (!request) co_return std::unexpected(request.error());
  const auto app = app_for(services, call, *request);
  if (!app) co_return std::unexpected(app.error());
  request->caller.app = *app;
  call.note->app = *app;
  call.note->subject = request->caller.name;
  const auto issued = co_await services.engine.directory().add_caller(std::move(request->caller));
  if (!issued) co_return refuse(issued.error());
  access_changed(services);
  co_return disclose_api_key(201, render_caller(services, issued->caller), issued->api_key);
}

Task<Outcome> get_caller(Services& services, Call call) {
  const auto caller = named_caller(services, call);
  if (!caller) co_return std::unexpected(caller.error());
  co_return json_response(200, render_caller(services, *caller));
}

Task<Outcome> disable_caller(Services& services, Call call) {
  const auto caller = named_caller(services, call);
  if (!caller) co_return std::unexpected(caller.error());
  const auto disabled = co_await services.engine.directory().disable_caller(caller->id);
  if (!disabled) co_return refuse(disabled.error(), "unknown_caller");
  access_changed(services);
  co_return json_response(200, render_caller(services, *disabled));
}

Task<Outcome> rotate_caller(Services& services, Call call) {
  const auto caller = named_caller(services, call);
  if (!caller) co_return std::unexpected(caller.error());
  const auto overlap = read_overlap(services, call);
  if (!overlap) co_return std::unexpected(overlap.error());
  const auto issued = co_await services.engine.directory().rotate_caller(caller->id, *overlap);
  if (!issued) co_return refuse(issued.error(), "unknown_caller");
  access_changed(services);
  co_return disclose_api_key(200, render_caller(services, issued->caller), issued->api_key);
}

}  // namespace keyfob::api
