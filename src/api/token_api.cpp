#include "api/disclose.hpp"
#include "api/handlers.hpp"

namespace keyfob::api {

Task<Outcome> get_token(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  std::string user = call.query.text("user");
  std::string vehicle = call.query.text("vehicle");
  if (const auto may = may_ask(*call.admission, {user, vehicle}); !may) co_return std::unexpected(may.error());
  AppId id = (*app)->app().id;
  auto token =
      co_await services.engine.get(std::move(id), std::move(user), std::move(vehicle), services.options.patience);
  if (!token) co_return std::unexpected(problem_for(call, token.error()));
  if (const auto may = may_see(*call.admission, token->user.view()); !may) co_return std::unexpected(may.error());
  co_return disclose_token(*token, services.clock.wall());
}

}  // namespace keyfob::api
