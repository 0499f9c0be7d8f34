// What comes after the callback: a consent that waits for the backend's word, and one that was only renewed.
#include <algorithm>

#include "crypto/hash.hpp"
#include "engine/consent.hpp"
#include "engine/sealer.hpp"

namespace keyfob::engine {

NewGrant Consent::from_record(const Grant& stored, TokenPair pair) const {
  const WallTime now = ports_.clock.wall();
  NewGrant grant;
  grant.user = awaited_user(stored.user);
  grant.pair = std::move(pair);
  grant.expires_in = std::max(Milliseconds(0), stored.access_expires_at - now);
  grant.refresh_expires_in = std::max(Milliseconds(0), stored.refresh_expires_at - now);
  grant.scope = stored.scope;
  grant.merge_vehicles = true;
  grant.consented = true;
  grant.single_select = is_provisional_single(stored);
  return grant;
}

/// The record changes hands in one write; whose account it is, is asked after that, as after any consent.
Task<Result<Grant>> Consent::confirm(AppId app, UserId user, std::string state) {
  const auto view = ports_.directory.snapshot()->find(app);
  if (!view) co_return fail(ErrorCode::not_found, "no such application");
  const crypto::Digest hash = crypto::sha256(as_bytes(state));
  GrantSelector selector;
  selector.user = unconfirmed_user(hash, user);
  auto found = co_await ports_.reader.find(app, std::move(selector));
  if (!found) co_return fail(found.error());
  if (found->empty() || !may_wait(found->front().grant) || found->front().grant.status != GrantStatus::active) {
    co_return fail(ErrorCode::not_found, "no consent of this state and user waits for a confirmation",
                   "begin the consent again");
  }
  GrantRecord record = std::move(found->front());
  const Sealer sealer(ports_.directory, ports_.random);
  if (auto intact = sealer.verify_association(record); !intact) co_return fail(intact.error());
  auto pair = sealer.open(record);
  if (!pair) co_return fail(pair.error());
  NewGrant grant = from_record(record.grant, std::move(*pair));
  NewGrant first = grant;
  first.provisional = true;
  Result<Grant> adopted = co_await ports_.grants.adopt(std::move(record), std::move(first));
  if (!adopted) co_return fail(adopted.error());
  Result<Grant> settled = co_await settle(view, *adopted, std::move(grant));
  if (!settled) co_return adopted;  // usable by its user as it is; the background asks again
  co_return settled;
}

/// At Smartcar a vehicle is connected to an application once, whoever asked: disconnecting it would end the owner's
/// rightful grant, too.
Task<std::optional<bool>> Consent::ends_locally(GrantRecord record) {
  const auto app = ports_.directory.snapshot()->find(record.grant.app);
  if (!app) co_return true;
  const Sealer sealer(ports_.directory, ports_.random);
  auto token = sealer.access_token(record);
  if (!token) co_return true;
  auto identity = co_await ports_.provider.identity(app->profile->name, std::move(*token));
  if (!identity) {
    if (identity.error().code == ErrorCode::refused) co_return true;
    co_return std::nullopt;
  }
  for (const VehicleId& vehicle : identity->vehicles) {
    GrantSelector selector;
    selector.vehicle = vehicle;
    const auto others = co_await ports_.reader.find(record.grant.app, std::move(selector));
    if (!others) co_return std::nullopt;
    const bool used = std::ranges::any_of(
        *others, [](const GrantRecord& other) { return other.grant.status != GrantStatus::revoked; });
    if (used) co_return true;
  }
  co_return false;
}

Task<Result<Grant>> Consent::reopen(ConsentState state, VehicleId vehicle) {
  GrantSelector selector;
  selector.user = awaited_user(state.user);
  selector.vehicle = std::move(vehicle);
  auto found = co_await ports_.reader.find(state.app, std::move(selector));
  if (!found) co_return fail(found.error());
  std::erase_if(*found, [](const GrantRecord& record) {
    return record.grant.status == GrantStatus::revoked || record.grant.status == GrantStatus::revoking;
  });
  if (found->empty()) co_return fail(ErrorCode::not_found, "no grant of this user opens that vehicle");
  const Grant grant = found->front().grant;
  const WallTime now = ports_.clock.wall();
  GrantChange change;
  change.attention = std::optional<Attention>();
  if (grant.status != GrantStatus::active) {
    change.status = GrantStatus::suspect;  // its pair is tried again at once
    change.due_at = now;
  }
  GrantRef ref{grant.app, grant.id};
  auto outcome = co_await ports_.refreshes.update(std::move(ref), grant.version, std::move(change), now);
  if (!outcome) co_return fail(outcome.error());
  if (auto* updated = std::get_if<Updated>(&*outcome)) co_return std::move(updated->record.grant);
  co_return grant;  // it was refreshed meanwhile
}

}  // namespace keyfob::engine
