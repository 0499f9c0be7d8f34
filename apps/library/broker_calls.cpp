#include <algorithm>
#include <chrono>
#include <utility>

#include "apps/library/broker_state.hpp"
#include "apps/library/failures.hpp"

namespace keyfob {
namespace {

using library::failure_of;

template <class E>
std::unexpected<Failure> failed(const E& error) {
  return std::unexpected<Failure>(failure_of(error));
}

std::chrono::system_clock::time_point when(WallTime at) {
  return std::chrono::system_clock::time_point(Milliseconds(to_unix_ms(at)));
}

GrantInfo info_of(const Grant& grant) {
  GrantInfo out{.id = grant.id.str(), .user = grant.user.str(), .status = std::string(to_string(grant.status))};
  for (const VehicleId& vehicle : grant.vehicles) out.vehicles.push_back(vehicle.str());
  out.access_expires_at = when(grant.access_expires_at);
  out.refresh_expires_at = when(grant.refresh_expires_at);
  out.generation = grant.version.generation.value();
  return out;
}

Token token_of(const GrantToken& found) {
  Token out{.value = SecretText(reveal_secret(found.token)), .expires_at = when(found.expires_at)};
  out.grant = found.ref.grant.str();
  out.user = found.user.str();
  for (const VehicleId& vehicle : found.vehicles) out.vehicles.push_back(vehicle.str());
  out.scope = found.scope;
  out.refreshed = found.refreshed;
  return out;
}

Token token_of(const TokenSlot& slot) {
  Token out{.value = SecretText(slot.token.view()), .expires_at = when(slot.expires_at)};
  out.grant = slot.grant;
  out.user = slot.user;
  for (const std::string_view vehicle : slot.vehicles) out.vehicles.emplace_back(vehicle);
  out.scope = slot.scope;
  return out;
}

engine::ApplicationEdit edit_of(const ApplicationSettings& settings) {
  engine::ApplicationEdit edit;
  edit.client_id = settings.client_id;
  edit.provider = settings.provider;
  edit.redirect_uri = settings.redirect_uri;
  edit.scopes = settings.scopes;
  edit.mode = settings.simulated ? Mode::simulated : Mode::live;
  if (!settings.client_secret.empty()) edit.client_secret = ClientSecret(settings.client_secret.reveal());
  return edit;
}

engine::NewGrant new_grant(const Pair& pair) {
  engine::NewGrant grant;
  grant.user = UserId(pair.user);
  for (const std::string& vehicle : pair.vehicles) grant.vehicles.emplace_back(vehicle);
  grant.pair = {AccessToken(pair.access_token.reveal()), RefreshToken(pair.refresh_token.reveal())};
  grant.expires_in = pair.expires_in;
  grant.scope = pair.scope;
  grant.provider_user = ProviderUserId(pair.provider_user);
  return grant;
}

}  // namespace

Expected<AppId> Broker::State::app_named(const std::string& name) {
  const auto app = node_->engine().directory().snapshot()->find_by_name(name);
  if (app != nullptr) return app->app().id;
  return std::unexpected(Failure{.reason = Reason::not_found,
                                 .what = "no application '" + name + "'",
                                 .hint = "put_application() or `keyfob app add` makes one"});
}

Task<Expected<void>> Broker::State::put_application(ApplicationSettings settings) {
  engine::Directory& directory = node_->engine().directory();
  engine::ApplicationEdit edit = edit_of(settings);
  const auto there = directory.snapshot()->find_by_name(settings.name);
  if (there != nullptr) {
    const auto changed = co_await directory.set_application(there->app().id, std::move(edit));
    if (!changed) co_return failed(changed.error());
    co_return Expected<void>();
  }
  const auto added = co_await directory.add_application(settings.name, std::move(edit));
  if (!added) co_return failed(added.error());
  co_return Expected<void>();
}

/// The daemon's hot path: what is in memory is handed out on the caller's own thread.
Expected<Token> Broker::State::token_now(TokenQuery query) {
  TokenSlot slot;
  const auto app = app_named(query.app);
  const bool named = app && !(query.user.empty() && query.vehicle.empty());
  if (named && node_->engine().try_get(*app, Subject{query.user, query.vehicle}, slot)) {
    Token token = token_of(slot);
    slot.clear();
    if (token.expires_at - when(node_->clock().wall()) >= query.min_validity) return token;
  }
  return wait_for(this->token(std::move(query)));
}

Task<Expected<Token>> Broker::State::token(TokenQuery query) {
  const auto app = app_named(query.app);
  if (!app) co_return std::unexpected(app.error());
  if (query.user.empty() && query.vehicle.empty())
    co_return std::unexpected(Failure{.reason = Reason::invalid_argument, .what = "name a user, a vehicle or both"});
  engine::Engine& engine = node_->engine();
  auto found = co_await engine.get(*app, query.user, query.vehicle, query.patience);
  if (!found) co_return failed(found.error());
  const bool enough = found->expires_at - node_->clock().wall() >= query.min_validity;
  if (enough || found->refreshed) co_return token_of(*found);
  const auto refreshed = co_await engine.refresh(found->ref, query.patience);
  if (!refreshed) co_return failed(refreshed.error());
  auto again = co_await engine.get(*app, query.user, query.vehicle, query.patience);
  if (!again) co_return failed(again.error());
  again->refreshed = true;
  co_return token_of(*again);
}

Task<Expected<GrantInfo>> Broker::State::import(std::string app, Pair pair) {
  const auto id = app_named(app);
  if (!id) co_return std::unexpected(id.error());
  engine::NewGrant grant = new_grant(pair);
  if (const auto fine = engine::validate(grant); !fine) co_return failed(fine.error());
  const auto imported = co_await node_->engine().grants().import_one(*id, std::move(grant));
  if (!imported) co_return failed(imported.error());
  co_return info_of(imported->grant);
}

Task<Expected<GrantInfo>> Broker::State::refresh(std::string app, std::string grant) {
  const auto id = app_named(app);
  if (!id) co_return std::unexpected(id.error());
  GrantRef ref{*id, GrantId(std::move(grant))};
  const auto refreshed = co_await node_->engine().refresh(std::move(ref), seconds(30));
  if (!refreshed) co_return failed(refreshed.error());
  co_return info_of(*refreshed);
}

Task<Expected<std::vector<GrantInfo>>> Broker::State::grants(std::string app, std::string user, std::size_t limit) {
  const auto id = app_named(app);
  if (!id) co_return std::unexpected(id.error());
  GrantFilter filter{.app = *id, .user = UserId(std::move(user))};
  filter.limit = std::clamp<std::size_t>(limit, 1, 1000);
  const auto page = co_await node_->engine().grants().list(std::move(filter));
  if (!page) co_return failed(page.error());
  std::vector<GrantInfo> out;
  for (const GrantRecord& record : page->grants) out.push_back(info_of(record.grant));
  co_return out;
}

Task<Expected<Revoked>> Broker::State::revoke(std::string app, std::string grant) {
  const auto id = app_named(app);
  if (!id) co_return std::unexpected(id.error());
  GrantRef ref{*id, GrantId(std::move(grant))};
  const auto state = co_await node_->engine().revoke(std::move(ref), false);
  if (!state) co_return failed(state.error());
  co_return *state == engine::RevokeState::done ? Revoked::done : Revoked::still_trying;
}

Task<Expected<Consent>> Broker::State::connect_url(std::string app, std::string user) {
  const auto id = app_named(app);
  if (!id) co_return std::unexpected(id.error());
  engine::ConnectRequest request{.app = *id, .user = UserId(std::move(user))};
  const auto started = co_await node_->engine().consent().start(std::move(request));
  if (!started) co_return failed(started.error());
  co_return Consent{started->url, started->state,
                    std::chrono::duration_cast<std::chrono::seconds>(started->expires_in)};
}

Task<Expected<GrantInfo>> Broker::State::finish_consent(Callback callback) {
  engine::CallbackRequest request{
      .code = std::string(callback.code.reveal()), .state = callback.state, .error = callback.error};
  const auto finished = co_await node_->engine().consent().finish(std::move(request));
  if (!finished) co_return failed(finished.error());
  if (finished->grant) co_return info_of(*finished->grant);
  co_return std::unexpected(Failure{.reason = Reason::refused,
                                    .what = "no consent: " + finished->error,
                                    .hint = finished->detail,
                                    .user = finished->user.str()});
}

}  // namespace keyfob
