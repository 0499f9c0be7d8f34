#include "api/disclose.hpp"
#include "api/handlers.hpp"

namespace keyfob::api {

Task<Outcome> get_token(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  std::string user = call.query.text("user");
  std::string vehicle = call.query.text("vehicle");
  if (user.empty() && vehicle.empty())
    co_return refuse("user_required", "neither a user nor a vehicle is named", "?user=U or ?vehicle=V");
  if (!user.empty()) {
    if (const auto visible = may_see(call, user); !visible) co_return std::unexpected(visible.error());
  }
  AppId id = (*app)->app().id;
  auto token =
      co_await services.engine.get(std::move(id), std::move(user), std::move(vehicle), services.options.patience);
  if (!token) co_return std::unexpected(problem_for(call, token.error()));
  if (const auto visible = may_see(call, token->user.view()); !visible) co_return std::unexpected(visible.error());
  co_return disclose_token(*token, services.clock.wall());
}

}  // namespace keyfob::api
