// What comes after the callback: a consent that waits for the backend's word, and one that was only renewed.
#include <algorithm>

#include "crypto/hash.hpp"
#include "engine/consent.hpp"
#include "engine/sealer.hpp"

namespace keyfob::engine {
namespace {

constexpr Milliseconds kReceiptKept = days(1);
constexpr Milliseconds kReceiptAway = Milliseconds(100);
constexpr int kReceiptTries = 3;

/// Longer than the hash of any state: no callback can be answered with a receipt.
Bytes receipt_name(const crypto::Digest& state_hash) {
  Bytes name{'c'};
  name.insert(name.end(), state_hash.begin(), state_hash.end());
  return name;
}

}  // namespace

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

/// A receipt is a consent state of its own sort, with the grant's id where the address would be.
Task<void> Consent::leave_receipt(Bytes name, Grant grant) {
  Bytes old = name;
  static_cast<void>(co_await ports_.states.take_consent(std::move(old), ports_.clock.wall()));
  ConsentState receipt;
  receipt.state_hash = std::move(name);
  receipt.app = grant.app;
  receipt.user = awaited_user(grant.user);
  receipt.return_to = grant.id.str();
  receipt.expires_at = ports_.clock.wall() + kReceiptKept;
  static_cast<void>(co_await ports_.states.put_consent(std::move(receipt)));
}

/// What a confirmation whose answer was lost did.
Task<Result<Grant>> Consent::confirmed_before(AppId app, UserId user, Bytes name) {
  for (int tries = 0; tries < kReceiptTries; ++tries) {
    // Somebody else who repeats himself may hold it at this moment.
    if (tries > 0) co_await ports_.clock.sleep(kReceiptAway);
    Bytes copy = name;
    auto receipt = co_await ports_.states.take_consent(std::move(copy), ports_.clock.wall());
    if (!receipt && receipt.error().code != ErrorCode::not_found) co_return fail(receipt.error());
    if (!receipt) continue;
    GrantRef ref{receipt->app, GrantId(receipt->return_to)};
    const bool fits = receipt->app == app && receipt->user == user;
    static_cast<void>(co_await ports_.states.put_consent(std::move(*receipt)));
    if (!fits) break;
    auto record = co_await ports_.reader.load(std::move(ref));
    if (record && record->grant.user == user) co_return std::move(record->grant);
    if (!record && record.error().code != ErrorCode::not_found) co_return fail(record.error());
    break;
  }
  co_return fail(ErrorCode::not_found, "no consent of this state and user waits for a confirmation",
                 "begin the consent again");
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
    Bytes name = receipt_name(hash);
    auto before = co_await confirmed_before(std::move(app), std::move(user), std::move(name));
    co_return before;
  }
  GrantRecord record = std::move(found->front());
  const Sealer sealer(ports_.directory, ports_.random);
  if (auto intact = sealer.verify_association(record); !intact) co_return fail(intact.error());
  auto pair = sealer.open(record);
  if (!pair) co_return fail(pair.error());
  AccessToken token = pair->access;
  NewGrant grant = from_record(record.grant, std::move(*pair));
  grant.provisional = true;
  // Before and after: a crash in between leaves one that names the grant as it was adopted.
  Bytes name = receipt_name(hash);
  Grant waiting = record.grant;
  co_await leave_receipt(std::move(name), std::move(waiting));
  Result<Grant> adopted = co_await ports_.grants.adopt(std::move(record), std::move(grant));
  if (!adopted) co_return fail(adopted.error());
  Result<Grant> settled = co_await settle(view, *adopted, std::move(token));
  if (!settled) co_return adopted;  // usable by its user as it is; the background asks again
  if (settled->id != adopted->id) {
    name = receipt_name(hash);
    Grant final_one = *settled;
    co_await leave_receipt(std::move(name), std::move(final_one));
  }
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
