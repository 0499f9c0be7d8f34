#include "api/grant_codec.hpp"
#include "api/grant_pages.hpp"
#include "api/handlers.hpp"
#include "api/render.hpp"

namespace keyfob::api {
namespace {

http::Response grant_response(const Services& services, int status, const Grant& grant) {
  return json_response(status, grant_json({grant, app_name(*services.directory(), grant.app)}));
}

}  // namespace

Task<Outcome> post_grant(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  auto grant = read_new_grant(call.request.body);
  if (!grant) co_return std::unexpected(grant.error());
  if (const auto visible = may_see(call, grant->user.view()); !visible) co_return std::unexpected(visible.error());
  AppId id = (*app)->app().id;
  const auto stored = co_await services.engine.grants().import_one(std::move(id), std::move(*grant));
  if (!stored) co_return refuse(stored.error());
  call.note->grant = stored->grant.id;
  call.note->user = stored->grant.user;
  http::Response response = grant_response(services, 201, stored->grant);
  response.headers.push_back({"Location", "/v1/grants/" + stored->grant.id.str()});
  co_return response;
}

Task<Outcome> list_grants(Services& services, Call call) {
  auto filter = grant_filter_of(services, call);
  if (!filter) co_return std::unexpected(filter.error());
  const auto page = co_await visible_grants(services, call, std::move(*filter));
  if (!page) co_return refuse(page.error());
  std::vector<NamedGrant> grants;
  const auto directory = services.directory();
  for (const GrantRecord& record : page->grants) {
    grants.push_back({record.grant, app_name(*directory, record.grant.app)});
  }
  co_return json_response(200, grants_json(grants, page->next_cursor));
}

Task<Outcome> get_grant(Services& services, Call call) {
  const auto grant = co_await find_grant(services, call);
  if (!grant) co_return std::unexpected(grant.error());
  co_return grant_response(services, 200, *grant);
}

Task<Outcome> refresh_grant(Services& services, Call call) {
  const auto grant = co_await find_grant(services, call);
  if (!grant) co_return std::unexpected(grant.error());
  GrantRef ref{grant->app, grant->id};
  const auto refreshed = co_await services.engine.refresh(std::move(ref), services.options.patience);
  if (!refreshed) co_return std::unexpected(problem_for(call, refreshed.error()));
  co_return grant_response(services, 200, *refreshed);
}

Task<Outcome> revoke_grant(Services& services, Call call) {
  const auto local = call.query.flag("local");
  if (!local) co_return refuse(local.error());
  const auto grant = co_await find_grant(services, call);
  if (!grant) co_return std::unexpected(grant.error());
  GrantRef ref{grant->app, grant->id};
  const auto state = co_await services.engine.revoke(std::move(ref), *local);
  if (!state) co_return refuse(state.error(), "unknown_grant");
  if (*state == engine::RevokeState::done) co_return empty_response(204);
  co_return json_response(202, pair_json("status", to_string(GrantStatus::revoking)));
}

Task<Outcome> remove_grant(Services& services, Call call) {
  const auto grant = co_await find_grant(services, call);
  if (!grant) co_return std::unexpected(grant.error());
  GrantRef ref{grant->app, grant->id};
  const auto removed = co_await services.engine.grants().remove(std::move(ref));
  if (!removed) co_return refuse(removed.error(), "unknown_grant");
  co_return empty_response(204);
}

}  // namespace keyfob::api
