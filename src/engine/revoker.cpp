#include "engine/revoker.hpp"

#include <algorithm>

#include "engine/grants.hpp"
#include "vault/association.hpp"

namespace keyfob::engine {
namespace {

constexpr int kConflictRetries = 8;
constexpr int kMostPages = 100;
constexpr Milliseconds kRetry = seconds(30);
constexpr Milliseconds kRefreshPatience = seconds(20);

}  // namespace

Task<Result<RevokeState>> Revoker::revoke(GrantRef ref, bool local) {
  const GrantRef here = ref;
  Result<GrantRecord> marked = co_await mark_revoking(ref);
  if (!marked) co_return fail(marked.error());
  context_.cache.forget(here);
  if (marked->grant.status == GrantStatus::revoked) co_return RevokeState::done;
  if (!local) {
    const Told told = co_await tell_provider(std::move(*marked));
    if (told == Told::not_yet) co_return RevokeState::still_trying;
  }
  Result<RevokeState> done = co_await forget(here);
  co_return done;
}

Task<Result<GrantRecord>> Revoker::mark_revoking(GrantRef ref) {
  for (int round = 0; round < kConflictRetries; ++round) {
    Result<GrantRecord> record = co_await context_.reader.load(ref);
    if (!record) co_return record;
    if (record->grant.status == GrantStatus::revoked) co_return record;
    const WallTime now = context_.clock.wall();
    GrantChange change;
    change.status = GrantStatus::revoking;
    change.due_at = now + kRetry;
    Result<UpdateOutcome> outcome = co_await context_.store.update(ref, record->grant.version, std::move(change), now);
    if (!outcome) co_return fail(outcome.error());
    if (Updated* updated = std::get_if<Updated>(&*outcome)) co_return std::move(updated->record);
  }
  co_return fail(ErrorCode::conflict, "the grant kept changing", "try again");
}

Task<Result<void>> Revoker::ask_provider(const GrantRecord* record) {
  const auto app = context_.directory.snapshot()->find(record->grant.app);
  auto pair = context_.sealer.open(*record);
  if (!pair) co_return fail(pair.error());
  ProviderApi::Revocation request;
  request.provider = app->profile->name;
  request.client_id = app->app().client_id;
  auto secret = context_.directory.client_secret(*app, SecretPurpose::client_secret);
  if (!secret) co_return fail(secret.error());
  request.client_secret = std::move(*secret);
  request.pair = std::move(*pair);
  request.vehicles = record->grant.vehicles;
  Result<void> answer = co_await context_.provider.revoke(std::move(request));
  co_return answer;
}

/// A token that the provider refuses cannot be revoked any more, nor used: that counts as done.
Task<Revoker::Told> Revoker::tell_provider(GrantRecord record) {
  const auto app = context_.directory.snapshot()->find(record.grant.app);
  if (!app) co_return Told::done;
  const Told by_connection = co_await end_connections(&record.grant);
  if (by_connection != Told::otherwise) co_return by_connection;
  const RevokeRule& rule = app->profile->revoke;
  if (rule.revocation_url.empty() && rule.vehicle_url.empty()) co_return Told::done;
  const bool expired = record.grant.access_expires_at <= context_.clock.wall();
  Result<void> answer = fail(ErrorCode::refused, "401 the access token has expired");
  if (!expired || !rule.revocation_url.empty()) answer = co_await ask_provider(&record);
  if (answer) co_return Told::done;
  if (answer.error().code == ErrorCode::damaged) co_return Told::done;
  if (answer.error().code != ErrorCode::refused) co_return Told::not_yet;
  GrantRecord copy = record;
  std::optional<FlightResult> flight =
      co_await ports_.refresher.refresh(std::move(copy), Purpose::on_demand, kRefreshPatience);
  if (!flight) co_return Told::not_yet;
  if (flight->outcome == RefreshOutcome::refused || flight->damaged) co_return Told::done;
  if (!flight->record) co_return Told::not_yet;
  record = std::move(*flight->record);
  answer = co_await ask_provider(&record);
  co_return answer || answer.error().code == ErrorCode::refused ? Told::done : Told::not_yet;
}

/// Those of the grant's vehicles; all of its owner's when the grant knows none.
Task<Result<std::vector<std::string>>> Revoker::connections_of(const Grant* grant, std::string provider,
                                                               Secret authorization) {
  std::vector<std::string> ids;
  std::string cursor;
  for (int page_number = 0; page_number < kMostPages; ++page_number) {
    ConnectionsQuery query;
    query.provider = provider;
    query.credential = CredentialKind::application;
    query.authorization = authorization;
    query.provider_user = grant->provider_user;
    query.cursor = cursor;
    auto page = co_await ports_.connections->connections(std::move(query));
    if (!page) co_return fail(page.error());
    for (const Connection& one : page->connections) {
      const bool ours =
          grant->vehicles.empty() || std::ranges::find(grant->vehicles, one.vehicle) != grant->vehicles.end();
      if (ours && one.provider_user == grant->provider_user && !one.id.empty()) ids.push_back(one.id);
    }
    if (page->next_cursor.empty()) co_return ids;
    cursor = std::move(page->next_cursor);
  }
  co_return fail(ErrorCode::unavailable, "the provider's list does not end");
}

Task<Result<void>> Revoker::end_all(const Grant* grant, std::string provider, Secret authorization) {
  std::string whose = provider;
  Secret key = authorization;
  const auto ids = co_await connections_of(grant, std::move(whose), std::move(key));
  if (!ids) co_return fail(ids.error());
  for (const std::string& id : *ids) {
    Disconnection what{provider, authorization, id};
    const Result<void> done = co_await ports_.connections->disconnect(std::move(what));
    if (!done) co_return done;
  }
  co_return Result<void>();
}

Task<Revoker::Told> Revoker::end_connections(const Grant* grant) {
  const auto app = context_.directory.snapshot()->find(grant->app);
  if (ports_.connections == nullptr || !app->has_v3_credentials() || grant->provider_user.empty() ||
      is_provisional(*grant))
    co_return Told::otherwise;
  std::uint64_t refused = 0;
  for (int tries = 0; tries < 2; ++tries) {
    auto authorization =
        co_await ports_.credentials.authorization(grant->app, CredentialKind::application, Scheme::bearer, refused);
    if (!authorization && authorization.error().problem == TokenProblem::provider_unavailable) co_return Told::not_yet;
    if (!authorization) co_return Told::otherwise;
    refused = authorization->serial;
    std::string provider = app->profile->name;
    const Result<void> done = co_await end_all(grant, std::move(provider), std::move(authorization->value));
    if (done) co_return Told::done;
    if (done.error().code == ErrorCode::not_found) co_return Told::otherwise;
    if (done.error().code != ErrorCode::refused) co_return Told::not_yet;
  }
  co_return Told::otherwise;
}

Task<Result<RevokeState>> Revoker::forget(GrantRef ref) {
  for (int round = 0; round < kConflictRetries; ++round) {
    Result<GrantRecord> record = co_await context_.reader.load(ref);
    if (!record) co_return fail(record.error());
    if (record->grant.status != GrantStatus::revoking)
      co_return RevokeState::done;  // revoked already, or a new consent came
    Grant next = record->grant;
    next.version.epoch = next.version.epoch.next();
    auto mac = context_.sealer.associate(next);
    if (!mac) co_return fail(mac.error());
    GrantChange change;
    change.status = GrantStatus::revoked;
    change.forget_tokens = true;
    change.association_mac = std::move(*mac);
    next.status = GrantStatus::revoked;
    change.notices = context_.announcer.notice("grant.revoked", next, {GrantStatus::revoking});
    const WallTime now = context_.clock.wall();
    Result<UpdateOutcome> outcome = co_await context_.store.update(ref, record->grant.version, std::move(change), now);
    if (!outcome) co_return fail(outcome.error());
    if (const Updated* updated = std::get_if<Updated>(&*outcome)) {
      context_.cache.forget(ref);
      context_.emit("grant.revoked", updated->record.grant);
      co_return RevokeState::done;
    }
  }
  co_return fail(ErrorCode::conflict, "the grant kept changing", "try again");
}

}  // namespace keyfob::engine
