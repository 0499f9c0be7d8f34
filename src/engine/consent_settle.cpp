// Whose a consent is, and how its pair gets there. A refresh token must never be in two grants that somebody may
// refresh, and an older pair never over the newer one that was made from it. So the pair changes hands under the lease
// of the provisional grant (nobody else uses its refresh token meanwhile) and in one transaction; what is left of that
// grant names the one that has the pair now, so that whoever finds it after a crash does not hand it over again.
#include "engine/consent.hpp"
#include "engine/sealer.hpp"

namespace keyfob::engine {
namespace {

constexpr int kRounds = 3;
constexpr Milliseconds kLease = seconds(5);  // two statements
constexpr std::size_t kAttemptBytes = 8;

}  // namespace

Task<Result<Grant>> Consent::settle(std::shared_ptr<const ApplicationView> app, Grant provisional, AccessToken token) {
  Result<Identity> identity = co_await ports_.provider.identity(app->profile->name, std::move(token));
  if (!identity) co_return fail(identity.error());
  GrantRef ref{provisional.app, provisional.id};
  Result<Grant> settled = co_await hand_over(std::move(ref), std::move(*identity));
  co_return settled;
}

Task<Result<Grant>> Consent::hand_over(GrantRef provisional, Identity identity) {
  Result<Grant> settled = fail(ErrorCode::conflict, "the grant kept changing");
  for (int round = 0; round < kRounds; ++round) {
    Result<GrantRecord> record = co_await ports_.reader.load(provisional);
    if (!record) co_return fail(record.error());
    if (round == 0) {  // later this process knows better than the note does
      Result<std::optional<Grant>> there = co_await handed_over_to(record->grant);
      if (!there) co_return fail(there.error());
      if (*there) co_return std::move(**there);
    }
    Result<GrantRecord> leased = co_await lease(std::move(*record));
    if (!leased) co_return fail(leased.error());
    GrantRecord copy = *leased;
    settled = co_await put_where_it_belongs(std::move(copy), &identity);
    const bool changed = !settled && settled.error().code == ErrorCode::conflict;
    if (!changed) co_return settled;  // a lease whose use nobody knows of ends by itself
    co_await end_lease(std::move(*leased));
  }
  co_return settled;
}

Task<Result<Grant>> Consent::put_where_it_belongs(GrantRecord leased, const Identity* identity) {
  const Sealer sealer(ports_.directory, ports_.random);
  auto pair = sealer.open(leased);
  if (!pair) co_return fail(pair.error());
  NewGrant grant = from_record(leased.grant, std::move(*pair));
  grant.provider_user = identity->provider_user;
  grant.vehicles = identity->vehicles;
  grant.single_select = grant.single_select && identity->vehicles.size() == 1;
  GrantRef leftover{leased.grant.app, leased.grant.id};
  Result<Grant> settled = co_await ports_.grants.absorb(std::move(leased), std::move(grant));
  if (settled && settled->id != leftover.grant) {  // should this fail, the background finds it
    const auto removed = co_await ports_.grants.remove(std::move(leftover));
    static_cast<void>(removed);
  }
  co_return settled;
}

/// Whoever has an attempt there may be using the refresh token: what comes of that is waited for.
Task<Result<GrantRecord>> Consent::lease(GrantRecord record) {
  if (record.grant.attempt) co_return fail(ErrorCode::conflict, "the grant is being refreshed", "try again");
  std::array<std::uint8_t, kAttemptBytes> raw{};
  ports_.random.fill(raw);
  BeginRequest request;
  request.ref = {record.grant.app, record.grant.id};
  request.at = record.grant.version;
  request.attempt = AttemptId(to_hex(raw));
  request.node = ports_.node;
  request.lease = kLease;
  Result<BeginOutcome> outcome = co_await ports_.refreshes.begin(std::move(request));
  if (!outcome) co_return fail(outcome.error());
  Begun* begun = std::get_if<Begun>(&*outcome);
  if (begun == nullptr) co_return fail(ErrorCode::conflict, "the grant is being refreshed", "try again");
  co_return std::move(begun->record);
}

/// Nothing was sent under it. Where this fails, recovery refreshes the grant, which is well, too.
Task<void> Consent::end_lease(GrantRecord record) {
  GrantChange change;
  change.clear_attempt = record.grant.attempt.value().id;
  GrantRef ref{record.grant.app, record.grant.id};
  const auto ended =
      co_await ports_.refreshes.update(std::move(ref), record.grant.version, std::move(change), ports_.clock.wall());
  static_cast<void>(ended);
}

/// The grant that has this one's pair already, if there is one; what is left of this one goes.
Task<Result<std::optional<Grant>>> Consent::handed_over_to(Grant provisional) {
  std::optional<Grant> there;
  const auto note = handed_over(provisional);
  if (!note) co_return there;
  GrantRef to{provisional.app, note->to};
  Result<GrantRecord> record = co_await ports_.reader.load(std::move(to));
  if (!record && record.error().code != ErrorCode::not_found) co_return fail(record.error());
  if (!record || record->grant.version.epoch < note->epoch) co_return there;
  GrantRef leftover{provisional.app, provisional.id};
  const auto removed = co_await ports_.grants.remove(std::move(leftover));
  static_cast<void>(removed);
  there = std::move(record->grant);
  co_return there;
}

Task<Result<Grant>> Consent::identify(GrantRecord record) {
  const auto app = ports_.directory.snapshot()->find(record.grant.app);
  if (!app) co_return fail(ErrorCode::not_found, "no such application");
  Result<std::optional<Grant>> there = co_await handed_over_to(record.grant);
  if (!there) co_return fail(there.error());
  if (*there) co_return std::move(**there);
  const Sealer sealer(ports_.directory, ports_.random);
  auto pair = sealer.open(record);
  if (!pair) co_return fail(pair.error());
  if (handed_over(record.grant)) {  // the other one was not written after all: this one is a consent as before
    NewGrant again = from_record(record.grant, std::move(*pair));
    again.provisional = true;
    Result<Grant> reopened = co_await ports_.grants.adopt(std::move(record), std::move(again));
    co_return reopened;
  }
  Result<Grant> settled = co_await settle(app, record.grant, std::move(pair->access));
  co_return settled;
}

}  // namespace keyfob::engine
