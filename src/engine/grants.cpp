#include "engine/grants.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "core/limits.hpp"
#include "engine/announcer.hpp"
#include "engine/random_id.hpp"
#include "engine/sealer.hpp"
#include "engine/token_cache.hpp"

namespace keyfob::engine {
namespace {

constexpr std::size_t kTimeInId = 6;
constexpr std::size_t kChanceInId = 14;
constexpr int kConflictRetries = 5;
constexpr std::string_view kProvisional = "pending-";
constexpr std::string_view kProvisionalSingle = "pending-single-";
constexpr std::string_view kHandedOver = "into-";  // then the grant's id, "-", the epoch
constexpr std::string_view kUnconfirmed = "unconfirmed:";
constexpr std::size_t kStateName = 43;  // SHA-256 in base64url
constexpr Milliseconds kConfirmWithin = minutes(15);

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

/// A token goes into a header: visible ASCII only.
bool token_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> check_text(std::string_view field, std::string_view text, std::size_t limit, bool required) {
  if (required && text.empty()) return fail(ErrorCode::invalid_argument, std::string(field) + ": is missing");
  if (text.size() > limit) {
    return fail(ErrorCode::invalid_argument,
                std::string(field) + ": is longer than " + std::to_string(limit) + " bytes");
  }
  if (!printable(text)) return fail(ErrorCode::invalid_argument, std::string(field) + ": has control characters");
  return {};
}

Result<void> check_token(std::string_view field, std::size_t size, bool good) {
  if (size == 0) return fail(ErrorCode::invalid_argument, std::string(field) + ": is missing");
  if (size > limits::kToken)
    return fail(ErrorCode::invalid_argument, std::string(field) + ": is longer than 8192 bytes");
  if (!good) return fail(ErrorCode::invalid_argument, std::string(field) + ": has characters that no token has");
  return {};
}

/// The grant that an import of this owner replaces, if there is one.
const GrantRecord* same_owner(const std::vector<GrantRecord>& found, const NewGrant& incoming) {
  if (incoming.provisional) return nullptr;
  for (const GrantRecord& record : found) {
    const Grant& grant = record.grant;
    if (grant.single_select != incoming.single_select) continue;
    if (incoming.single_select && grant.vehicles != incoming.vehicles) continue;
    if (is_provisional(grant)) continue;
    const bool account =
        incoming.provider_user.empty() || grant.provider_user.empty() || grant.provider_user == incoming.provider_user;
    if (account) return &record;
  }
  return nullptr;
}

std::vector<VehicleId> united(std::vector<VehicleId> a, const std::vector<VehicleId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::ranges::sort(a);
  const auto rest = std::ranges::unique(a);
  a.erase(rest.begin(), rest.end());
  return a;
}

}  // namespace

bool is_provisional(const Grant& grant) { return grant.provider_user.view().starts_with(kProvisional); }

bool is_provisional_single(const Grant& grant) { return grant.provider_user.view().starts_with(kProvisionalSingle); }

std::optional<HandedOver> handed_over(const Grant& provisional) {
  if (!is_provisional(provisional)) return std::nullopt;
  std::string_view rest = provisional.provider_user.view();
  rest.remove_prefix((is_provisional_single(provisional) ? kProvisionalSingle : kProvisional).size());
  const std::size_t dash = rest.rfind('-');
  if (!rest.starts_with(kHandedOver) || dash < kHandedOver.size()) return std::nullopt;
  std::uint64_t epoch = 0;
  const std::string_view digits = rest.substr(dash + 1);
  if (std::from_chars(digits.begin(), digits.end(), epoch).ec != std::errc()) return std::nullopt;
  return HandedOver{GrantId(rest.substr(kHandedOver.size(), dash - kHandedOver.size())), Epoch(epoch)};
}

UserId unconfirmed_user(ByteView state_hash, const UserId& user) {
  return UserId(std::string(kUnconfirmed) + to_base64url(state_hash) + ":" + user.str());
}

bool is_unconfirmed(const UserId& user) { return user.view().starts_with(kUnconfirmed); }

UserId awaited_user(const UserId& user) {
  const std::size_t before = kUnconfirmed.size() + kStateName + 1;
  if (!is_unconfirmed(user) || user.view().size() <= before) return user;
  return UserId(user.view().substr(before));
}

Result<void> validate(const NewGrant& grant) {
  const bool waits = grant.provisional && is_unconfirmed(grant.user);
  const UserId user = waits ? awaited_user(grant.user) : grant.user;
  if (auto good = check_text("user", user.view(), limits::kUserId, true); !good) return good;
  if (is_unconfirmed(user)) return fail(ErrorCode::invalid_argument, "user: no id begins with 'unconfirmed:'");
  if (auto good = check_text("provider_user", grant.provider_user.view(), limits::kProviderUserId, false); !good)
    return good;
  if (auto good = check_text("scope", grant.scope, limits::kScope, false); !good) return good;
  if (grant.vehicles.size() > limits::kVehiclesPerGrant) {
    return fail(ErrorCode::invalid_argument, "vehicles: more than 1000");
  }
  for (const VehicleId& vehicle : grant.vehicles) {
    if (auto good = check_text("vehicles", vehicle.view(), limits::kVehicleId, true); !good) return good;
  }
  if (grant.single_select && !grant.provisional && grant.vehicles.size() != 1) {
    return fail(ErrorCode::invalid_argument, "vehicles: a single-select grant has exactly one");
  }
  if (grant.expires_in < Milliseconds(0) || grant.expires_in > days(3650)) {
    return fail(ErrorCode::invalid_argument, "expires_in: must be 0 seconds to 10 years");
  }
  const bool access_good = token_text(reveal_secret(grant.pair.access));
  const bool refresh_good = token_text(reveal_secret(grant.pair.refresh));
  if (auto good = check_token("access_token", grant.pair.access.size(), access_good); !good) return good;
  return check_token("refresh_token", grant.pair.refresh.size(), refresh_good);
}

Grants::Grants(Ports ports, DuePolicy policy) : ports_(ports), policy_(policy) {}

std::uint32_t Grants::die() {
  std::array<std::uint8_t, 4> bytes{};
  ports_.random.fill(bytes);
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

Result<PutRequest> Grants::prepare(const AppId& app, const NewGrant& incoming, const GrantRecord* replaced) {
  const auto view = ports_.directory.snapshot()->find(app);
  if (!view) return fail(ErrorCode::not_found, "no such application");
  const WallTime now = ports_.clock.wall();
  PutRequest request;
  Grant& grant = request.record.grant;
  grant.app = app;
  grant.created_at = now;
  if (replaced != nullptr) {
    grant = replaced->grant;
    request.replaces = replaced->grant.version;
    grant.attempt.reset();
    grant.attention.reset();
    grant.refusals = {};
  } else {
    grant.id = new_id(now);
  }
  grant.version = {grant.version.generation.next(), grant.version.epoch.next()};
  grant.status = GrantStatus::active;
  grant.user = incoming.user;
  grant.single_select = incoming.single_select;
  if (!incoming.provider_user.empty() || is_provisional(grant)) grant.provider_user = incoming.provider_user;
  if (incoming.merge_vehicles) {
    grant.vehicles = united(grant.vehicles, incoming.vehicles);
  } else if (!incoming.vehicles.empty()) {
    grant.vehicles = united({}, incoming.vehicles);
  }
  if (!incoming.scope.empty()) grant.scope = incoming.scope;
  grant.updated_at = now;
  grant.rotated_at.reset();
  grant.access_expires_at = now + incoming.expires_in;
  grant.refresh_expires_at = now + incoming.refresh_expires_in.value_or(view->profile->refresh_ttl);
  const PairLife life{grant.access_expires_at, grant.refresh_expires_at, view->profile->refresh_ttl, true};
  const DuePlan plan = plan_due(life, policy_, now, die());
  grant.due_at = plan.due_at;
  grant.renew_by = plan.renew_by;
  if (incoming.provisional) {
    grant.provider_user = ProviderUserId(std::string(incoming.single_select ? kProvisionalSingle : kProvisional) +
                                         random_id(ports_.random, 10, kOrderedIdLetters));
    grant.single_select = false;
    grant.due_at = now + (is_unconfirmed(incoming.user) ? kConfirmWithin : kIdentifyAfter);
  }
  add_notices(request, incoming);
  return seal(std::move(request), incoming.pair);
}

/// A provisional grant is nobody's yet: it is told once it is known whose it is.
void Grants::add_notices(PutRequest& request, const NewGrant& incoming) const {
  if (incoming.provisional) return;
  const Grant& grant = request.record.grant;
  const Announcer& announcer = ports_.announcer;
  if (request.replaces) {
    request.notices = announcer.notice("grant.recovered", grant, {GrantStatus::suspect, GrantStatus::needs_reauth},
                                       incoming.consented ? "consent" : "import");
  }
  if (!incoming.consented) return;
  std::ranges::move(announcer.notice("grant.connected", grant, {}, "consent"), std::back_inserter(request.notices));
}

Result<PutRequest> Grants::seal(PutRequest request, const TokenPair& pair) {
  Sealer sealer(ports_.directory, ports_.random);
  const Grant& grant = request.record.grant;
  auto sealed = sealer.seal(grant.app, grant.id, grant.version, pair);
  if (!sealed) return fail(sealed.error());
  auto mac = sealer.associate(grant);
  if (!mac) return fail(mac.error());
  request.record.sealed = std::move(*sealed);
  request.record.association_mac = std::move(*mac);
  return request;
}

/// 30 bits of the second it was made in, then 70 of chance: what is made together lies together in an index.
GrantId Grants::new_id(WallTime now) {
  auto second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  std::string time(kTimeInId, kOrderedIdLetters.front());
  for (auto letter = time.rbegin(); letter != time.rend(); ++letter, second /= 32) {
    *letter = kOrderedIdLetters[static_cast<std::size_t>(second & 31)];
  }
  return GrantId("g_" + time + random_id(ports_.random, kChanceInId, kOrderedIdLetters));
}

/// Everything that may be remembered about this owner and these vehicles is looked up anew.
void Grants::announce(const PutRequest& request) {
  const Grant& grant = request.record.grant;
  ports_.cache.forget({grant.app, grant.id});
  ports_.cache.forget_subjects(grant.app, grant.user, grant.vehicles);
  if (!request.notices.empty()) ports_.announcer.news();
}

Task<Result<ImportedGrant>> Grants::import_one(AppId app, NewGrant grant) {
  std::vector<NewGrant> one;
  one.push_back(std::move(grant));
  auto results = co_await import_many(std::move(app), std::move(one));
  if (!results) co_return fail(results.error());
  co_return std::move(results->front());
}

Task<Result<std::vector<Result<ImportedGrant>>>> Grants::import_many(AppId app, std::vector<NewGrant> grants,
                                                                     ImportRules rules) {
  if (grants.size() > 1000) co_return fail(ErrorCode::limit, "at most 1000 grants in one import call");
  const KeyHold held = ports_.directory.hold_key(app);
  const std::size_t count = grants.size();
  Import work{.app = std::move(app),
              .rules = rules,
              .grants = std::move(grants),
              .results = {count, fail(ErrorCode::conflict, "the grant kept changing; try again")}};
  for (std::size_t i = 0; i < count; ++i) {
    if (auto good = validate(work.grants[i]); !good) {
      work.results[i] = fail(good.error());
    } else {
      work.left.push_back(i);
    }
  }
  for (int round = 0; round < kConflictRetries && !work.left.empty(); ++round) {
    const auto done = co_await import_round(&work);
    if (!done) co_return fail(done.error());
  }
  co_return std::move(work.results);
}

/// One look-up for all, then one transaction for all; what conflicts stays in `left` for the next round.
Task<Result<void>> Grants::import_round(Import* work) {
  Round round;
  std::vector<std::size_t> chosen;
  std::vector<UserId> users;
  std::unordered_set<std::string_view> owners;  // the same owner twice in one call: one after the other
  for (const std::size_t i : work->left) {
    const bool first = owners.insert(work->grants[i].user.view()).second;
    if (!first) {
      round.next.push_back(i);
      continue;
    }
    chosen.push_back(i);
    users.push_back(work->grants[i].user);
  }
  auto found = co_await ports_.owners.find_owners(work->app, std::move(users));
  if (!found) co_return fail(found.error());
  for (std::size_t k = 0; k < chosen.size(); ++k) settle_one(*work, round, chosen[k], (*found)[k]);
  if (!round.requests.empty()) {
    auto written = co_await write_round(work, std::move(round));
    co_return written;
  }
  work->left = std::move(round.next);
  co_return Result<void>();
}

/// An answer at once, or a request for the round.
void Grants::settle_one(Import& work, Round& round, std::size_t i, const std::vector<GrantRecord>& found) {
  const NewGrant& incoming = work.grants[i];
  const GrantRecord* present = same_owner(found, incoming);
  if (present != nullptr) {
    if (auto answer = left_as_it_is(*present, incoming, work.rules)) {
      work.results[i] = std::move(*answer);
      return;
    }
  }
  if (work.rules.dry_run) {
    work.results[i] = ImportedGrant{.grant = {}, .replaced = present != nullptr};
    return;
  }
  auto request = prepare(work.app, incoming, present);
  if (!request) {
    work.results[i] = fail(request.error());
    return;
  }
  round.requests.push_back(std::move(*request));
  round.sent.push_back(i);
}

/// Empty: the incoming pair is to be stored.
std::optional<Result<ImportedGrant>> Grants::left_as_it_is(const GrantRecord& present, const NewGrant& incoming,
                                                           ImportRules rules) const {
  const Grant& grant = present.grant;
  if (!rules.keep_existing && !rules.leave_same) return std::nullopt;
  const bool has_pair = !present.sealed.refresh.empty();
  const auto refresh = has_pair ? Sealer(ports_.directory, ports_.random).refresh_token(present)
                                : Result<RefreshToken>(fail(ErrorCode::not_found, "no token"));
  if (rules.leave_same && refresh && *refresh == incoming.pair.refresh) {
    return ImportedGrant{.grant = grant, .unchanged = true};
  }
  if (!rules.keep_existing) return std::nullopt;
  if (!has_pair || grant.rotated_at || grant.version.generation > Generation().next()) {
    return ImportedGrant{.grant = grant, .kept = true};
  }
  if (!refresh) return fail(refresh.error());
  return fail(ErrorCode::conflict, "this owner has another pair already, and it was not used yet",
              "if this line is the right one, import it with --replace");
}

Task<Result<void>> Grants::write_round(Import* work, Round round) {
  std::vector<PutRequest> copies = round.requests;
  Result<std::vector<Result<void>>> put = co_await ports_.writer.put(std::move(copies));
  if (!put) co_return fail(put.error());
  for (std::size_t k = 0; k < round.sent.size(); ++k) {
    const Result<void>& one = (*put)[k];
    if (one) {
      announce(round.requests[k]);
      work->results[round.sent[k]] =
          ImportedGrant{std::move(round.requests[k].record.grant), round.requests[k].replaces.has_value()};
    } else if (one.error().code == ErrorCode::conflict) {
      round.next.push_back(round.sent[k]);
    } else {
      work->results[round.sent[k]] = fail(one.error());
    }
  }
  work->left = std::move(round.next);
  co_return Result<void>();
}

Task<Result<Grant>> Grants::adopt(GrantRecord record, NewGrant grant) {
  if (auto good = validate(grant); !good) co_return fail(good.error());
  const KeyHold held = ports_.directory.hold_key(record.grant.app);
  auto request = prepare(record.grant.app, grant, &record);
  if (!request) co_return fail(request.error());
  std::vector<PutRequest> one{*request};
  Result<std::vector<Result<void>>> put = co_await ports_.writer.put(std::move(one));
  if (!put) co_return fail(put.error());
  if (!put->front()) co_return fail(put->front().error());
  announce(*request);
  ports_.cache.forget_subjects(record.grant.app, record.grant.user, record.grant.vehicles);
  co_return std::move(request->record.grant);
}

/// What stays of a provisional grant whose pair another one has now: its tokens, should the other one not have been
/// written after all, and the name of that one. It is not served from, and in no hurry.
Result<PutRequest> Grants::leave_behind(const GrantRecord& provisional, const Grant& taken, const TokenPair& pair) {
  PutRequest request{.record = provisional, .replaces = provisional.grant.version};
  Grant& grant = request.record.grant;
  grant.version = {grant.version.generation.next(), grant.version.epoch.next()};
  grant.status = GrantStatus::needs_reauth;
  grant.attempt.reset();
  grant.updated_at = ports_.clock.wall();
  grant.due_at = grant.updated_at + kIdentifyAfter;
  grant.provider_user =
      ProviderUserId(std::string(is_provisional_single(provisional.grant) ? kProvisionalSingle : kProvisional) +
                     std::string(kHandedOver) + taken.id.str() + "-" + std::to_string(taken.version.epoch.value()));
  return seal(std::move(request), pair);
}

Task<Result<Grant>> Grants::absorb(GrantRecord provisional, NewGrant grant) {
  if (auto good = validate(grant); !good) co_return fail(good.error());
  const KeyHold held = ports_.directory.hold_key(provisional.grant.app);
  std::vector<UserId> users(1, grant.user);
  auto found = co_await ports_.owners.find_owners(provisional.grant.app, std::move(users));
  if (!found) co_return fail(found.error());
  const GrantRecord* present = same_owner(found->front(), grant);
  if (present == nullptr) {
    Result<Grant> adopted = co_await adopt(std::move(provisional), std::move(grant));
    co_return adopted;
  }
  auto taken = prepare(provisional.grant.app, grant, present);
  if (!taken) co_return fail(taken.error());
  auto left = leave_behind(provisional, taken->record.grant, grant.pair);
  if (!left) co_return fail(left.error());
  std::vector<PutRequest> both{*taken, std::move(*left)};
  Result<std::vector<Result<void>>> put = co_await ports_.writer.put(std::move(both));
  if (!put) co_return fail(put.error());
  announce(*taken);
  ports_.cache.forget({provisional.grant.app, provisional.grant.id});
  for (const Result<void>& one : *put) {
    if (!one) co_return fail(one.error());
  }
  co_return std::move(taken->record.grant);
}

Task<Result<Grant>> Grants::load(GrantRef ref) {
  Result<GrantRecord> record = co_await ports_.reader.load(std::move(ref));
  if (!record) co_return fail(record.error());
  co_return std::move(record->grant);
}

Task<Result<GrantPage>> Grants::list(GrantFilter filter) {
  Result<GrantPage> page = co_await ports_.reader.list(std::move(filter));
  co_return page;
}

Task<Result<void>> Grants::remove(GrantRef ref) {
  const GrantRef copy = ref;
  const Result<void> removed = co_await ports_.writer.remove(std::move(ref));
  ports_.cache.forget(copy);
  co_return removed;
}

}  // namespace keyfob::engine
