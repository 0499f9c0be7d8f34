#include "api/disclose.hpp"
#include "api/handlers.hpp"
#include "api/record.hpp"

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
  const auto recorded = co_await record_disclosure(services, call, *token);
  if (!recorded) co_return std::unexpected(recorded.error());
  co_return disclose_token(*token, services.clock.wall());
}

}  // namespace keyfob::api
