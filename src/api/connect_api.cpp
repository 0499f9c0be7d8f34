#include <array>

#include "api/body_reader.hpp"
#include "api/consent_page.hpp"
#include "api/handlers.hpp"
#include "api/render.hpp"

namespace keyfob::api {
namespace {

constexpr std::array<std::string_view, 12> kFields = {
    "user",  "return_to", "scope",       "make",       "single_select",  "single_select_vin",
    "flags", "force",     "external_id", "share_user", "reauthenticate", "confirm"};
constexpr std::array<std::string_view, 2> kConfirmFields = {"state", "user"};
constexpr std::array<std::string_view, 6> kDetails = {"vin", "make", "model", "year", "status_code", "error_message"};

Answer<engine::ConnectRequest> read_connect(std::string_view json) {
  BodyReader body(json, kFields);
  engine::ConnectRequest request;
  request.user = UserId(body.text("user", Need::required));
  request.return_to = body.text("return_to");
  request.scope = body.words("scope");
  request.make = body.text("make");
  request.single_select = body.flag("single_select");
  request.single_select_vin = body.text("single_select_vin");
  request.flags = body.text("flags");
  request.force = body.flag("force");
  request.external_id = body.text("external_id");
  request.share_user = body.flag("share_user");
  request.reauthenticate = VehicleId(body.text("reauthenticate"));
  request.confirm = body.flag("confirm");
  if (!request.single_select_vin.empty() && !request.single_select) {
    body.complain("'single_select_vin' is given without 'single_select'", "add \"single_select\": true");
  }
  if (body.error()) return refuse(*body.error());
  return request;
}

/// bad_request: nothing that a provider's answer to a consent could be.
Answer<engine::CallbackRequest> read_callback(std::string_view text) {
  const auto query = Query::parse(text);
  if (!query) return refuse(query.error());
  engine::CallbackRequest request{.code = query->text("code"),
                                  .state = query->text("state"),
                                  .error = query->text("error"),
                                  .error_description = query->text("error_description"),
                                  .vehicle = VehicleId(query->text("vehicle_id"))};
  for (const std::string_view name : kDetails) {
    if (std::string value = query->text(name); !value.empty()) request.details.emplace_back(name, std::move(value));
  }
  if (request.state.empty()) return refuse("unknown_state", "the address has no state", "begin the consent again");
  if (request.code.empty() && request.error.empty() && request.vehicle.empty()) {
    return refuse("bad_request", "the address has neither a code nor an error", "begin the consent again");
  }
  return request;
}

}  // namespace

Task<Outcome> post_connect(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  auto request = read_connect(call.request.body);
  if (!request) co_return std::unexpected(request.error());
  if (const auto visible = may_see(call, request->user.view()); !visible) co_return std::unexpected(visible.error());
  request->app = (*app)->app().id;
  call.note->user = request->user;
  const auto url = co_await services.engine.consent().start(std::move(*request));
  if (!url) co_return refuse(url.error());
  co_return json_response(201, connect_json(*url));
}

Task<Outcome> confirm_connect(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  BodyReader body(call.request.body, kConfirmFields);
  std::string state = body.text("state", Need::required);
  UserId user(body.text("user", Need::required));
  if (body.error()) co_return refuse(*body.error());
  if (const auto visible = may_see(call, user.view()); !visible) co_return std::unexpected(visible.error());
  call.note->user = user;
  AppId id = (*app)->app().id;
  const auto grant = co_await services.engine.consent().confirm(std::move(id), std::move(user), std::move(state));
  if (!grant) co_return refuse(grant.error(), "unknown_state");
  call.note->grant = grant->id;
  co_return json_response(200, grant_json({*grant, app_name(*services.directory(), grant->app)}));
}

Task<Outcome> get_callback(Services& services, Call call) {
  auto request = read_callback(call.request.query());
  if (!request) co_return consent_page(request.error());
  const auto result = co_await services.engine.consent().finish(std::move(*request));
  if (!result) co_return consent_page(problem_of(result.error(), "unknown_state"));
  call.note->app = result->app;
  call.note->user = result->user;
  if (result->grant) call.note->grant = result->grant->id;
  if (!result->grant) call.note->outcome = "not_connected";
  if (!result->return_to.empty()) co_return back_to_application(*result);
  co_return consent_page(*result);
}

}  // namespace keyfob::api
