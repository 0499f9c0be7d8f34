// Oracle: what becomes of each pair that the provider gave out, and of each refusal.
#include <fmt/format.h>

#include <algorithm>

#include "testing/sim/oracle.hpp"
#include "vault/pair.hpp"

namespace keyfob::simulated {
namespace {

/// A refresh token that may stay the same does not tell one generation from the next.
bool names_a_generation(Rotation how) { return how != Rotation::none && how != Rotation::optional; }

constexpr Milliseconds kHomed(3000);  // a node that is well has found a place for a pair by then

}  // namespace

void Oracle::refused(const std::string& refresh_token) {
  const auto* token = eyes_.provider.refresh(refresh_token);
  if (token != nullptr) ++watched_[eyes_.provider.owner_of(token->consent)].refusals_said;
}

void Oracle::lied(const std::string& refresh_token) {
  const auto* token = eyes_.provider.refresh(refresh_token);
  if (token != nullptr) watched_[eyes_.provider.owner_of(token->consent)].lied_at = eyes_.time.now();
  refused(refresh_token);
}

void Oracle::answered(int node, const std::string& refresh_token) {
  answered_.try_emplace(refresh_token, Came{node, eyes_.time.now()});
  if (!durable_.contains(refresh_token)) homeless_.try_emplace(refresh_token, Came{node, eyes_.time.now()});
}

/// T starts the recovery; it does not close the first exchange.
void Oracle::unread(int node, const std::string& sent_token) {
  const auto* token = eyes_.provider.refresh(sent_token);
  const auto ref = token != nullptr ? ref_of(eyes_.provider.owner_of(token->consent)) : std::nullopt;
  const auto stored = ref ? eyes_.store.look(*ref) : std::nullopt;
  if (!stored || !stored->grant.attempt || consent_of(eyes_.provider.owner_of(token->consent)) != token->consent)
    return;
  const auto opened = open(*stored);
  const Attempt& attempt = *stored->grant.attempt;
  const bool mine = attempt.node.view() == "node-" + std::to_string(node + 1) && !attempt.stranded;
  const Milliseconds window = eyes_.provider.rules().window - seconds(1);
  const int user = eyes_.provider.owner_of(token->consent);
  const bool inside = attempt.since_first_sent < window && eyes_.time.now() - watched_[user].begun_at < window;
  if (!opened || opened->refresh != sent_token || !mine || !inside) return;
  const Rotation how = eyes_.provider.rules().rotation;
  if (how == Rotation::strict || !names_a_generation(how)) return;
  violate("I4",
          fmt::format("node-{} did not read the answer to {}, which came inside the window", node + 1, sent_token));
}

void Oracle::durable(const std::string& refresh_token) {
  durable_.insert(refresh_token);
  homeless_.erase(refresh_token);
}

void Oracle::kept(const KeptPair& pair) {
  const GrantVersion version{pair.at.generation.next(), pair.at.epoch};
  const auto token = vault::open_refresh(*keyring_, {pair.app, pair.grant.view(), version}, pair.sealed.refresh);
  if (token) durable(std::string(reveal_secret(*token)));
}

void Oracle::crashed(int node) {
  std::erase_if(homeless_, [&](const auto& entry) { return entry.second.node == node; });
}

/// I7: a pair that came to a node is soon in the store, in a spool or kept as a late one, unless its consent is over.
void Oracle::look_around() {
  for (auto it = homeless_.begin(); it != homeless_.end();) {
    const auto* token = eyes_.provider.refresh(it->first);
    const Came& came = it->second;
    if (consent_of(eyes_.provider.owner_of(token->consent)) != token->consent) {
      it = homeless_.erase(it);
      continue;
    }
    const bool waited = eyes_.time.now() - came.at > kHomed && eyes_.weather.well_for(came.node) > kHomed;
    if (waited) return violate("I7", fmt::format("{} came to node-{} and was not kept", it->first, came.node + 1));
    ++it;
  }
}

/// I7: an attempt is only cleared when it brought a pair, was refused, or cannot have used the token.
void Oracle::check_cleared(const GrantRecord& before, const GrantRecord& after) {
  Watched& watched = watched_[user_of(after.grant)];
  if (after.grant.refusals.count > before.grant.refusals.count) {
    ++watched.refusals_noted;
    if (watched.refusals_noted > watched.refusals_said) {
      violate("I4", after.grant.user.str() + ": a refusal was noted that the provider never gave");
    }
    return;
  }
  const bool cleared = before.grant.attempt && !after.grant.attempt;
  const bool same = before.grant.version == after.grant.version && before.grant.status == after.grant.status;
  const bool telling = names_a_generation(eyes_.provider.rules().rotation) && after.grant.refusals.count == 0;
  const auto opened = cleared && same && telling ? open(after) : std::nullopt;
  if (!opened) return;
  const auto* token = eyes_.provider.refresh(opened->refresh);
  if (token == nullptr || !token->first_used || token->dead) return;
  if (eyes_.store.fell_back(*token->first_used, eyes_.time.now())) return;  // nobody knows of that use any more
  violate("I7", fmt::format("{}: the attempt was cleared although {} had been used", after.grant.user.str(),
                            opened->refresh));
}

/// What came of this token's use was durable once and works still.
bool Oracle::lives_on(const std::string& name) const {
  const auto* token = eyes_.provider.refresh(name);
  if (token == nullptr || token->dead) return false;
  if (!token->first_used) return durable_.contains(name);
  return std::ranges::any_of(token->children, [this](const std::string& child) { return lives_on(child); });
}

/// The store forgot commits, and perhaps attempts: a pair that was durable has to come back, unless its disk died, too.
std::string Oracle::judge_forgotten(const ProviderModel::Refresh& spent) const {
  for (int node = 0; node < eyes_.plan.nodes; ++node) {
    if (eyes_.weather.lost_disk(node, *spent.first_used)) return {};
  }
  const auto found = std::ranges::find_if(spent.children, [this](const std::string& child) { return lives_on(child); });
  if (found == spent.children.end()) return {};
  return "the store forgot " + *found + ", which was durable once, and nobody told it again";
}

/// Only the newest pair of several works, and that one reached nobody who lived to store it.
bool Oracle::sibling_was_lost(const ProviderModel::Refresh& token) const {
  const ProviderModel::Refresh* parent = eyes_.provider.refresh(token.parent);
  if (eyes_.provider.rules().rotation != Rotation::window_last_pair || parent == nullptr) return false;
  const auto it = answered_.find(parent->children.back());
  if (it == answered_.end()) return true;
  const auto [node, at] = it->second;
  return eyes_.weather.went_down(node, at, at + seconds(3)) || eyes_.weather.lost_disk(node, at);
}

}  // namespace keyfob::simulated
