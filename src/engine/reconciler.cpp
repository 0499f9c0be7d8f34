#include "engine/reconciler.hpp"

#include <algorithm>
#include <set>

#include "engine/grants.hpp"

namespace keyfob::engine {
namespace {

constexpr int kConflictRetries = 5;
constexpr int kMostPages = 100;
constexpr Milliseconds kPatience = seconds(20);

std::unexpected<Error> no_list() {
  return fail(ErrorCode::not_found, "this application has neither a management token nor v3 credentials",
              "keyfob app set NAME --management-token @FILE");
}

bool ended(const Grant& grant) { return grant.status == GrantStatus::revoked || grant.status == GrantStatus::revoking; }

/// `grant`'s vehicles that are (not) among `connected`.
std::vector<VehicleId> vehicles_of(const Grant& grant, const std::vector<VehicleId>& connected, bool present) {
  std::vector<VehicleId> found;
  std::ranges::copy_if(grant.vehicles, std::back_inserter(found), [&](const VehicleId& vehicle) {
    return (std::ranges::find(connected, vehicle) != connected.end()) == present;
  });
  return found;
}

}  // namespace

std::string_view to_string(Reconciliation result) {
  switch (result) {
    case Reconciliation::ok: return "ok";
    case Reconciliation::vehicles_removed: return "vehicles_removed";
    case Reconciliation::revoked: return "revoked";
    case Reconciliation::refused: return "refused";
    case Reconciliation::contradicted: return "contradicted";
    case Reconciliation::unknown: return "unknown";
    case Reconciliation::gone: return "gone";
  }
  return "unknown";
}

Task<Result<Identity>> Reconciler::whose(AppId app, AccessToken token) {
  const auto view = context_.directory.snapshot()->find(app);
  if (!view) co_return fail(ErrorCode::not_found, "no such application");
  Result<Identity> identity = co_await context_.provider.identity(view->profile->name, std::move(token));
  co_return identity;
}

Task<Result<ConnectionPage>> Reconciler::connections(AppId app, Ask ask) {
  const auto view = context_.directory.snapshot()->find(app);
  if (!view) co_return fail(ErrorCode::not_found, "no such application");
  if (ports_.connections == nullptr) co_return no_list();
  ConnectionsQuery query;
  query.provider = view->profile->name;
  query.provider_user = std::move(ask.provider_user);
  query.vehicle = std::move(ask.vehicle);
  query.cursor = std::move(ask.cursor);
  const bool management = context_.directory.management_token(*view, SecretPurpose::management_token).has_value();
  if (!management && !view->has_v3_credentials()) co_return no_list();
  query.credential = management ? CredentialKind::management : CredentialKind::application;
  auto authorization =
      co_await ports_.credentials.authorization(app, query.credential, management ? Scheme::basic : Scheme::bearer, 0);
  if (!authorization) co_return fail(ErrorCode::unavailable, authorization.error().detail, "try again later");
  query.authorization = std::move(authorization->value);
  Result<ConnectionPage> page = co_await ports_.connections->connections(std::move(query));
  co_return page;
}

Task<Result<GrantRecord>> Reconciler::load(GrantRef ref) {
  Result<GrantRecord> record = co_await context_.reader.load(std::move(ref));
  if (!record) co_return record;
  if (auto intact = context_.sealer.verify_association(*record); !intact) co_return fail(intact.error());
  co_return record;
}

// --- whose it is ---

/// Asked with the grant's own token, refreshed when it has expired or is not accepted.
Task<Result<Identity>> Reconciler::identity_of(GrantRecord record) {
  const auto app = context_.directory.snapshot()->find(record.grant.app);
  if (!app) co_return fail(ErrorCode::not_found, "no such application");
  record = ports_.refresher.overlaid(std::move(record));
  if (record.grant.access_expires_at > context_.clock.wall()) {
    auto token = context_.sealer.access_token(record);
    if (!token) co_return fail(token.error());
    Result<Identity> identity = co_await context_.provider.identity(app->profile->name, std::move(*token));
    if (identity || !identity.error().what.starts_with("401")) co_return identity;
  }
  const auto flight = co_await ports_.refresher.refresh(std::move(record), Purpose::on_demand, kPatience);
  if (!flight) co_return fail(ErrorCode::unavailable, "the refresh is still under way", "try again");
  if (flight->outcome == RefreshOutcome::refused) co_return fail(ErrorCode::refused, "the provider refuses its token");
  if (!flight->record) co_return fail(ErrorCode::unavailable, "no token came", "try again later");
  auto token = context_.sealer.access_token(*flight->record);
  if (!token) co_return fail(token.error());
  Result<Identity> identity = co_await context_.provider.identity(app->profile->name, std::move(*token));
  co_return identity;
}

/// Two owners of one vehicle cannot be told apart this way.
Task<Result<ProviderUserId>> Reconciler::owner_by_list(GrantRecord record) {
  std::set<std::string> owners;
  for (const VehicleId& vehicle : record.grant.vehicles) {
    Ask ask{.vehicle = vehicle};
    const auto page = co_await connections(record.grant.app, std::move(ask));
    if (!page) co_return fail(page.error());
    for (const Connection& one : page->connections)
      if (one.vehicle == vehicle) owners.insert(one.provider_user.str());
  }
  if (owners.size() != 1) co_return fail(ErrorCode::conflict, "its vehicles do not name one owner");
  co_return ProviderUserId(*owners.begin());
}

Task<Result<Grant>> Reconciler::reassociate(GrantRecord record, ProviderUserId owner, std::vector<VehicleId> vehicles) {
  if (ports_.associations == nullptr) co_return fail(ErrorCode::internal, "the store cannot change associations");
  const GrantRef ref{record.grant.app, record.grant.id};
  for (int round = 0; round < kConflictRetries; ++round) {
    Grant next = record.grant;
    next.provider_user = owner;
    next.vehicles = vehicles_of(record.grant, vehicles, true);
    auto mac = context_.sealer.associate(next);
    if (!mac) co_return fail(mac.error());
    Reassociation change{ref, record.grant.version, owner, next.vehicles, std::move(*mac), context_.clock.wall()};
    auto outcome = co_await ports_.associations->reassociate(std::move(change));
    if (!outcome) co_return fail(outcome.error());
    if (auto* updated = std::get_if<Updated>(&*outcome)) {
      context_.cache.forget(ref);
      context_.cache.forget_subjects(ref.app, record.grant.user, record.grant.vehicles);
      co_return std::move(updated->record.grant);
    }
    auto newer = co_await load(ref);
    if (!newer) co_return fail(newer.error());
    if (newer->grant.version.epoch != record.grant.version.epoch) break;
    record = std::move(*newer);
  }
  co_return fail(ErrorCode::conflict, "the grant kept changing", "try again");
}

Task<Result<Grant>> Reconciler::identify(GrantRef ref) {
  auto record = co_await load(std::move(ref));
  if (!record) co_return fail(record.error());
  if (ended(record->grant)) co_return fail(ErrorCode::conflict, "the grant is revoked");
  if (is_provisional(record->grant))
    co_return fail(ErrorCode::conflict, "its consent is not finished yet", "try again");
  if (!record->grant.provider_user.empty()) co_return std::move(record->grant);
  ProviderUserId owner;
  auto identity = co_await identity_of(*record);
  if (identity && !identity->provider_user.empty()) {
    owner = identity->provider_user;
  } else {
    auto listed = co_await owner_by_list(*record);
    if (!listed) co_return fail(identity ? listed.error() : identity.error());
    owner = std::move(*listed);
  }
  GrantRef here{record->grant.app, record->grant.id};
  auto newest = co_await load(std::move(here));
  if (!newest) co_return fail(newest.error());
  std::vector<VehicleId> vehicles = newest->grant.vehicles;
  Result<Grant> done = co_await reassociate(std::move(*newest), std::move(owner), std::move(vehicles));
  co_return done;
}

// --- whether it still opens anything ---

Task<Result<std::vector<VehicleId>>> Reconciler::connected_vehicles(AppId app, ProviderUserId owner) {
  std::vector<VehicleId> all;
  Ask ask{.provider_user = owner};
  for (int page_number = 0; page_number < kMostPages; ++page_number) {
    Ask next = ask;
    auto page = co_await connections(app, std::move(next));
    if (!page) co_return fail(page.error());
    for (Connection& one : page->connections)
      if (one.provider_user == owner) all.push_back(std::move(one.vehicle));
    if (page->next_cursor.empty()) co_return all;
    ask.cursor = std::move(page->next_cursor);
  }
  co_return fail(ErrorCode::unavailable, "the provider's list does not end");
}

Task<Result<Reconciled>> Reconciler::reconcile(GrantRef ref) {
  auto record = co_await load(std::move(ref));
  if (!record) co_return fail(record.error());
  const Grant grant = record->grant;
  if (ended(grant)) co_return Reconciled{Reconciliation::gone, {}, grant};
  if (grant.provider_user.empty() || is_provisional(grant)) co_return Reconciled{Reconciliation::unknown, {}, grant};
  auto connected = co_await connected_vehicles(grant.app, grant.provider_user);
  if (!connected) co_return fail(connected.error());
  std::vector<VehicleId> missing = vehicles_of(grant, *connected, false);
  const bool some = !vehicles_of(grant, *connected, true).empty() || (grant.vehicles.empty() && !connected->empty());
  if (missing.empty() && some) co_return Reconciled{Reconciliation::ok, {}, grant};
  if (!some) {
    auto end = co_await nothing_left(std::move(*record));
    if (end) end->missing = std::move(missing);
    co_return end;
  }
  auto changed = co_await reassociate(std::move(*record), grant.provider_user, std::move(*connected));
  if (!changed) co_return fail(changed.error());
  co_return Reconciled{Reconciliation::vehicles_removed, std::move(missing), std::move(*changed)};
}

Task<Result<Reconciled>> Reconciler::nothing_left(GrantRecord record) {
  const GrantRef ref{record.grant.app, record.grant.id};
  Reconciled answer{Reconciliation::revoked, {}, record.grant};
  auto identity = co_await identity_of(std::move(record));
  if (!identity && identity.error().code != ErrorCode::refused) co_return fail(identity.error());
  if (!identity) {
    answer.result = Reconciliation::refused;
  } else if (!identity->vehicles.empty()) {
    answer.result = Reconciliation::contradicted;
  } else {
    const auto revoked = co_await ports_.revoker.revoke(ref, true);
    if (!revoked) co_return fail(revoked.error());
  }
  auto now = co_await context_.reader.load(ref);
  if (now) answer.grant = std::move(now->grant);
  co_return answer;
}

}  // namespace keyfob::engine
