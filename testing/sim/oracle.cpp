#include "testing/sim/oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/refusal.hpp"
#include "vault/pair.hpp"

namespace keyfob::simulated {
namespace {

constexpr Milliseconds kSlack(1500);  // messages on their way, a tick

std::string name_of_user(int user) { return "u" + std::to_string(user); }

std::string to_text(GrantVersion version) {
  return fmt::format("generation {} of epoch {}", version.generation.value(), version.epoch.value());
}

}  // namespace

void Oracle::violate(std::string_view invariant, const std::string& what) {
  if (!violation_.empty()) return;
  violation_ = std::string(invariant) + ": " + what;
  eyes_.trace.say(-1, "VIOLATED " + violation_);
}

std::optional<GrantRef> Oracle::ref_of(int user) const {
  const auto it = watched_.find(user);
  if (it == watched_.end()) return std::nullopt;
  return it->second.ref;
}

std::optional<int> Oracle::consent_of(int user) const {
  const auto it = watched_.find(user);
  if (it == watched_.end()) return std::nullopt;
  const auto consent = it->second.consents.find(it->second.version.epoch.value());
  if (consent == it->second.consents.end()) return std::nullopt;
  return consent->second;
}

std::optional<Oracle::Opened> Oracle::open(const GrantRecord& record) const {
  const auto access = vault::open_access(*keyring_, vault::binding_of(record.grant), record.sealed.access);
  const auto refresh = vault::open_refresh(*keyring_, vault::binding_of(record.grant), record.sealed.refresh);
  if (!access || !refresh) return std::nullopt;
  return Opened{std::string(reveal_secret(*access)), std::string(reveal_secret(*refresh))};
}

// --- the store ---

/// I2: the two tokens come from one answer, of the consent that this epoch stands for.
void Oracle::check_pair(const GrantRecord& record) {
  const int user = user_of(record.grant);
  const auto opened = open(record);
  if (!opened) {
    violate("I2", name_of_user(user) + ": the stored pair does not open as " + to_text(record.grant.version));
    return;
  }
  const auto* refresh = eyes_.provider.refresh(opened->refresh);
  const auto* access = eyes_.provider.access(opened->access);
  if (refresh == nullptr || (access == nullptr && !opened->access.empty())) {
    violate("I2", name_of_user(user) + ": a stored token is none of the provider's");
    return;
  }
  if (access != nullptr && access->with != opened->refresh) {
    violate("I2", fmt::format("{}: {} is stored beside {}, they came apart", name_of_user(user), opened->access,
                              opened->refresh));
  }
  const auto consent = consent_of(user);
  if (consent && is_his(record.grant) && *consent != refresh->consent) {
    violate("I2",
            fmt::format("{}: {} belongs to another consent than this epoch's", name_of_user(user), opened->refresh));
  }
}

/// I3: generations grow by one; nothing older replaces a pair.
void Oracle::check_version(const Grant& before, const Grant& after, bool stored_pair) {
  const std::uint64_t step = after.version.generation.value() - before.version.generation.value();
  const bool same_epoch = before.version.epoch == after.version.epoch;
  const bool grows = stored_pair ? same_epoch && step == 1 : step == 0;
  if (grows) return;
  violate("I3", fmt::format("{}: {} became {}", after.user.str(), to_text(before.version), to_text(after.version)));
}

bool Oracle::is_his(const Grant& grant) const {
  const auto it = watched_.find(user_of(grant));
  return it != watched_.end() && it->second.ref.grant == grant.id;
}

/// The pair of a consent is kept at once, beside the owner's grant.
void Oracle::put_waiting(const GrantRecord& after) {
  const auto opened = open(after);
  const auto* token = opened ? eyes_.provider.refresh(opened->refresh) : nullptr;
  if (token == nullptr) return violate("I2", "the pair of a consent does not open");
  durable(opened->refresh);
  check_pair(after);
  const int user = user_of(after.grant);
  waits_in_[after.grant.id] = {user, token->consent};
  watched_[user].waiting[token->consent].reset();
}

void Oracle::removed(const GrantRef& ref) {
  const auto it = waits_in_.find(ref.grant);
  if (it == waits_in_.end()) return;
  watched_[it->second.first].waiting[it->second.second] = eyes_.time.now();
}

/// A node may still think that this consent is in a grant of its own.
bool Oracle::may_wait(int node, int user, int consent, BootTime asked_at) const {
  const auto& waiting = watched_.at(user).waiting;
  const auto it = waiting.find(consent);
  return it != waiting.end() && (!it->second || !heard_since(node, *it->second, asked_at));
}

void Oracle::put(const GrantRecord& after) {
  if (engine::is_provisional(after.grant)) return put_waiting(after);
  const int user = user_of(after.grant);
  Watched& watched = watched_[user];
  if (after.grant.version.epoch <= watched.version.epoch && watched.version.epoch.value() > 0) {
    violate("I3", name_of_user(user) + ": an import did not open a new epoch");
  }
  watched.ref = {after.grant.app, after.grant.id};
  watched.version = after.grant.version;
  watched.epoch_since = eyes_.time.now();
  watched.revoked_at.reset();
  const auto opened = open(after);
  if (!opened) return violate("I2", name_of_user(user) + ": an imported pair does not open");
  durable(opened->refresh);
  watched.consents[after.grant.version.epoch.value()] = eyes_.provider.refresh(opened->refresh)->consent;
  check_pair(after);
}

/// I1: a live lease is not taken from whom it belongs to.
void Oracle::begun(const std::optional<GrantRecord>& before, const BeginRequest& request) {
  if (!before) return;
  if (!before->grant.attempt) {
    const auto opened = open(*before);
    const auto* token = opened ? eyes_.provider.refresh(opened->refresh) : nullptr;
    const bool first = token != nullptr && !token->first_used && is_his(before->grant);
    if (first) watched_[user_of(before->grant)].begun_at = eyes_.time.now();
    return;
  }
  const Attempt& held = *before->grant.attempt;
  const bool own = held.node == request.node.id && (held.incarnation < request.node.incarnation ||
                                                    request.replaces == held.id || request.attempt == held.id);
  if (held.lease_left <= Milliseconds(0) || own) return;
  violate("I1", fmt::format("{}: {} began while the lease of {} had {} ms left", before->grant.user.str(),
                            request.node.id.str(), held.node.str(), held.lease_left.count()));
}

void Oracle::committed(const GrantRecord& before, const GrantRecord& after) {
  ++refreshes_;
  committed_at_.push_back(eyes_.time.now());
  Watched& watched = watched_[user_of(after.grant)];
  check_version(before.grant, after.grant, true);
  if (is_his(after.grant)) watched.version = after.grant.version;
  check_pair(after);
  const auto was = open(before);
  const auto is = open(after);
  if (is) durable(is->refresh);
  if (!was || !is || !violation_.empty()) return;
  const auto* older = eyes_.provider.refresh(was->refresh);
  const auto* newer = eyes_.provider.refresh(is->refresh);
  if (older != nullptr && newer != nullptr && newer->depth < older->depth &&
      eyes_.provider.accepts(was->refresh, eyes_.time.now())) {
    violate("I3",
            fmt::format("{}: {} was replaced by the older {}", after.grant.user.str(), was->refresh, is->refresh));
  }
}

/// The application's refusals look like an outage of the provider's mind, and have for a while.
bool Oracle::burst(const GrantRecord& about) const {
  const WallTime now = eyes_.time.wall();
  std::uint64_t refused = 1;
  for (const GrantRecord& other : eyes_.store.all()) {
    const Refusals& refusals = other.grant.refusals;
    const bool counts = refusals.count > 0 && refusals.last_at < now - seconds(10) - eyes_.plan.max_skew &&
                        refusals.last_at > now - kHealthWindow + seconds(10);
    if (counts && other.grant.id != about.grant.id) ++refused;
  }
  const auto recent = std::ranges::count_if(
      committed_at_, [&](BootTime at) { return eyes_.time.now() - at < kHealthWindow + minutes(1); });
  return is_burst(refused, static_cast<std::uint64_t>(recent));
}

/// A refusal is confirmed, never believed at once.
void Oracle::check_refusal(const GrantRecord& before, const GrantRecord& after) {
  if (after.grant.status != GrantStatus::needs_reauth || before.grant.status == GrantStatus::needs_reauth) return;
  const Milliseconds since_first = after.grant.refusals.last_at - after.grant.refusals.first_at;
  const bool twice = after.grant.refusals.count >= 2 && since_first >= kConfirmAfter - eyes_.plan.max_skew * 2;
  if (!twice) violate("I4", after.grant.user.str() + ": a refusal was believed at once");
  if (burst(after)) violate("I4", after.grant.user.str() + ": a refusal was confirmed in a burst of refusals");
}

void Oracle::updated(const GrantRecord& before, const GrantRecord& after) {
  Watched& watched = watched_[user_of(after.grant)];
  if (before.grant.status != after.grant.status) {
    eyes_.trace.say(-1, fmt::format("{} is {}", after.grant.user.str(), to_string(after.grant.status)));
  }
  check_refusal(before, after);
  check_cleared(before, after);
  if (before.grant.version.epoch == after.grant.version.epoch) {
    check_version(before.grant, after.grant, false);
    return;
  }
  if (!is_his(after.grant)) return;
  watched.version = after.grant.version;
  watched.epoch_since = eyes_.time.now();
}

void Oracle::fell_back() {
  for (const GrantRecord& record : eyes_.store.all()) {
    if (!is_his(record.grant)) continue;
    Watched& watched = watched_[user_of(record.grant)];
    watched.version = record.grant.version;
    const GrantStatus status = record.grant.status;
    if (status != GrantStatus::revoked && status != GrantStatus::revoking) watched.revoked_at.reset();
  }
}

// --- the provider ---

/// The stored token is only used under the store's own lease, which is still live when the request is written.
void Oracle::sent(int node, const std::string& refresh_token) {
  const auto* token = eyes_.provider.refresh(refresh_token);
  if (token == nullptr) return;
  const int user = eyes_.provider.owner_of(token->consent);
  const auto ref = ref_of(user);
  const auto stored = ref ? eyes_.store.look(*ref) : std::nullopt;
  if (!stored || stored->sealed.refresh.empty()) return;
  const auto opened = open(*stored);
  const Rotation how = eyes_.provider.rules().rotation;
  const bool names_a_generation = how != Rotation::none && how != Rotation::optional;
  if (!opened || opened->refresh != refresh_token || !names_a_generation) return;
  const std::string me = "node-" + std::to_string(node + 1);
  const auto& attempt = stored->grant.attempt;
  if (!attempt || attempt->node.view() != me || attempt->lease_left <= Milliseconds(0)) {
    if (!eyes_.store.failovers().empty()) return;  // the attempt may be among what was lost
    const std::string whose =
        attempt ? attempt->node.str() + "'s, with " + std::to_string(attempt->lease_left.count()) + " ms left"
                : "nobody's";
    violate("I1", fmt::format("{}: {} was sent by {}, the lease is {}", name_of_user(user), refresh_token, me, whose));
    return;
  }
  const bool late = token->first_used && eyes_.time.now() - *token->first_used > eyes_.provider.rules().window;
  const bool alive = stored->grant.access_expires_at > eyes_.time.wall() + eyes_.plan.max_skew * 2 + seconds(1);
  const bool forgotten = late && eyes_.store.fell_back(*token->first_used, eyes_.time.now());
  if (late && !eyes_.plan.late_reuse && alive && !token->dead && !forgotten) {
    violate("I4", fmt::format("{}: {} was used again after its window, with a live access token at stake",
                              name_of_user(user), refresh_token));
  }
}

// --- disks and callers ---

void Oracle::spool_had_no_place(int node) {
  violate("I7", fmt::format("node-{}: a pair came for which no spool slot had been reserved", node + 1));
}

/// This node has been in touch with the store long enough to know of `event` when it was asked.
bool Oracle::heard_since(int node, BootTime event, BootTime asked_at) const {
  const auto since = eyes_.weather.in_touch_since(node);
  if (!since) return false;
  return asked_at > std::max(*since, event) + eyes_.plan.config.max_staleness + kSlack;
}

void Oracle::served(int node, int user, const std::string& access_token, BootTime asked_at) {
  const auto* token = eyes_.provider.access(access_token);
  const auto who = [&] {
    return fmt::format("node-{} handed out {} for {}", node + 1, access_token, name_of_user(user));
  };
  if (token == nullptr) return violate("I5", who() + ", which the provider never gave out");
  if (eyes_.provider.owner_of(token->consent) != user) return violate("I5", who() + ", another user's");
  const bool stood_still = eyes_.weather.running_since(node) > asked_at;
  // A refusal ends an attempt, and with it the memory of when the token was first used: a provider that then accepts it
  // after all and repeats its first answer makes us believe in a longer life.
  const auto& lied_at = watched_[user].lied_at;
  const auto& rules = eyes_.provider.rules();
  const Milliseconds memory = rules.window + rules.access_ttl;
  const bool forgotten = eyes_.store.fell_back(eyes_.time.now() - memory, eyes_.time.now());
  const bool misled = forgotten || (lied_at && eyes_.time.now() - *lied_at < memory);
  const Milliseconds over = eyes_.time.now() - token->ends - eyes_.plan.max_skew * 2 - kSlack;
  if (over > Milliseconds(0) && !stood_still && !misled) {
    violate("I5", fmt::format("{}, {} ms after it expired", who(), (eyes_.time.now() - token->ends).count()));
  }
  const Watched& watched = watched_[user];
  const auto consent = consent_of(user);
  const bool apart = consent != token->consent && may_wait(node, user, token->consent, asked_at);
  if (!apart && watched.revoked_at && heard_since(node, *watched.revoked_at, asked_at)) {
    violate("I8",
            fmt::format("{}, {} ms after it was revoked", who(), (eyes_.time.now() - *watched.revoked_at).count()));
  }
  if (consent && !apart && *consent != token->consent && heard_since(node, watched.epoch_since, asked_at)) {
    violate("I5", who() + ", of a consent that was replaced");
  }
  const auto cut = eyes_.weather.cut_since(node);
  const bool too_long = cut && asked_at > *cut + eyes_.plan.config.max_staleness + kSlack;
  if (eyes_.plan.config.refuse_on_store_outage && too_long) {
    violate("I8", who() + " although it had not reached the store for longer than it may");
  }
}

void Oracle::revoked(int user) {
  Watched& watched = watched_[user];
  if (!watched.revoked_at) watched.revoked_at = eyes_.time.now();
}

// --- the end ---

bool Oracle::works(const GrantRecord& record) const {
  const auto opened = open(record);
  return opened && eyes_.provider.accepts(opened->refresh, eyes_.time.now());
}

/// A grant is lost by us when no token that we still hold is accepted although one node was well for long enough inside
/// the reuse window; and a token that we do hold must have been found.
std::string Oracle::judge_lost(int user, const std::vector<KeptPair>& on_disks) {
  const auto record = eyes_.store.look(*ref_of(user));
  if (!record) return "the grant is gone";
  const auto opened = open(*record);
  if (!opened) return "the stored pair does not open";
  const BootTime now = eyes_.time.now();
  if (eyes_.provider.accepts(opened->refresh, now)) return opened->refresh + " is stored and would be accepted";
  const auto works = [&](const KeptPair& pair) {
    if (pair.at.epoch != record->grant.version.epoch || pair.grant != record->grant.id) return false;
    const GrantVersion version{pair.at.generation.next(), pair.at.epoch};
    if (version.generation < record->grant.version.generation && !eyes_.plan.late_reuse) return false;
    const auto token = vault::open_refresh(*keyring_, {pair.app, pair.grant.view(), version}, pair.sealed.refresh);
    return token && eyes_.provider.accepts(std::string(reveal_secret(*token)), now);
  };
  if (std::ranges::any_of(on_disks, works)) return "a pair on a disk or kept as late would be accepted";
  const ProviderModel::Refresh* token = eyes_.provider.refresh(opened->refresh);
  if (!eyes_.plan.promised()) return {};
  if (sibling_was_lost(*token)) return {};
  if (eyes_.provider.revoked_family(token->consent)) return {};  // "no family revocation by the provider"
  // A family that was revoked for a late use: the token that was used late is the parent.
  const ProviderModel::Refresh* spent = token->first_used ? token : eyes_.provider.refresh(token->parent);
  if (spent == nullptr || !spent->first_used) return opened->refresh + " was never used, and is dead";
  if (eyes_.store.fell_back(*spent->first_used, now)) return judge_forgotten(*spent);
  // The window that Keyfob can rely on begins with its own note, which may be earlier.
  const BootTime first = spent == token ? std::min(*spent->first_used, watched_[user].begun_at) : *spent->first_used;
  const BootTime window_end = first + eyes_.provider.rules().window;
  if (!eyes_.weather.was_well(eyes_.plan.needed(), *spent->first_used, window_end)) return {};
  return fmt::format("{} was used {} ms ago; a node was well for long enough inside the window, and no pair was kept",
                     opened->refresh, (now - *spent->first_used).count());
}

}  // namespace keyfob::simulated
