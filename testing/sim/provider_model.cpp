#include "testing/sim/provider_model.hpp"

namespace keyfob::simulated {

std::string_view name_of(Rotation rotation) {
  switch (rotation) {
    case Rotation::window_same_pair: return "reuse window, same pair";
    case Rotation::window_new_pair: return "reuse window, new pair";
    case Rotation::window_last_pair: return "reuse window, only the last pair works";
    case Rotation::strict: return "strict, family revoked";
    case Rotation::leeway_previous: return "leeway for the previous token";
    case Rotation::none: return "no rotation";
    case Rotation::optional: return "refresh token optional";
  }
  return "?";
}

int ProviderModel::consent(int owner) {
  owners_.push_back(owner);
  return static_cast<int>(owners_.size()) - 1;
}

/// Whoever imports the pair says himself how long it lives, and may say so late: it lives longer than that.
ProviderModel::Pair ProviderModel::issue(int consent, BootTime now) {
  Pair pair = mint(consent, 0, "", now);
  access_[pair.access].ends += hours(1);
  return pair;
}

std::string ProviderModel::mint_access(int consent, const std::string& with, BootTime now) {
  std::string token = "a" + std::to_string(consent) + "." + std::to_string(++minted_);
  access_[token] = {consent, now + rules_.access_ttl, false, with};
  return token;
}

ProviderModel::Pair ProviderModel::mint(int consent, int depth, const std::string& parent, BootTime now) {
  Pair pair;
  pair.refresh = "r" + std::to_string(consent) + "." + std::to_string(++minted_);
  pair.access = mint_access(consent, pair.refresh, now);
  Refresh& token = refresh_[pair.refresh];
  token.consent = consent;
  token.depth = depth;
  token.parent = parent;
  families_[consent].push_back(pair.refresh);
  return pair;
}

void ProviderModel::kill_family(int consent) {
  for (const std::string& token : families_[consent]) refresh_[token].dead = true;
}

void ProviderModel::revoke(int consent) {
  kill_family(consent);
  withdrawn_.insert(consent);
  for (auto& [name, token] : access_) {
    if (token.consent == consent) token.revoked = true;
  }
}

void ProviderModel::withdraw(int owner) {
  for (std::size_t consent = 0; consent < owners_.size(); ++consent) {
    if (owners_[consent] == owner) revoke(static_cast<int>(consent));
  }
}

bool ProviderModel::again_allowed(const Refresh& token, BootTime now) const {
  if (!token.first_used) return true;
  const bool inside = now - *token.first_used <= rules_.window;
  switch (rules_.rotation) {
    case Rotation::none: return true;
    case Rotation::strict: return false;
    case Rotation::leeway_previous: return inside && !token.replaced;
    default: return inside;
  }
}

bool ProviderModel::accepts(const std::string& refresh, BootTime now) const {
  const auto it = refresh_.find(refresh);
  return it != refresh_.end() && !it->second.dead && again_allowed(it->second, now);
}

std::optional<ProviderModel::Pair> ProviderModel::use(const std::string& refresh, BootTime now) {
  const auto it = refresh_.find(refresh);
  if (it == refresh_.end()) return std::nullopt;
  Refresh& token = it->second;
  ++token.uses;
  if (token.dead) return std::nullopt;
  if (!again_allowed(token, now)) {
    const bool punished = rules_.rotation == Rotation::strict || rules_.rotation == Rotation::leeway_previous;
    if (punished) {
      punished_.insert(token.consent);
      kill_family(token.consent);
    }
    return std::nullopt;
  }
  return rotate(refresh, token, now);
}

ProviderModel::Pair ProviderModel::rotate(const std::string& name, Refresh& used, BootTime now) {
  const Rotation how = rules_.rotation;
  const bool left_out = how == Rotation::optional && !used.first_used && used.uses % 3 != 0;
  if (how == Rotation::none || left_out) {
    return {mint_access(used.consent, name, now), left_out ? std::string() : name};
  }
  if (used.first_used && how == Rotation::window_same_pair) return used.same;
  if (used.first_used && how == Rotation::optional) {
    return {mint_access(used.consent, used.same.refresh, now), used.same.refresh};
  }
  if (!used.first_used) used.first_used = now;
  if (const auto parent = refresh_.find(used.parent); parent != refresh_.end()) parent->second.replaced = true;
  if (how == Rotation::window_last_pair) {
    for (const std::string& sibling : used.children) refresh_[sibling].dead = true;
  }
  used.same = mint(used.consent, used.depth + 1, name, now);
  used.children.push_back(used.same.refresh);
  return used.same;
}

int ProviderModel::uses_of(int consent) const {
  int uses = 0;
  for (const auto& [name, token] : refresh_) uses += token.consent == consent ? token.uses : 0;
  return uses;
}

const ProviderModel::Refresh* ProviderModel::refresh(const std::string& token) const {
  const auto it = refresh_.find(token);
  return it == refresh_.end() ? nullptr : &it->second;
}

const ProviderModel::Access* ProviderModel::access(const std::string& token) const {
  const auto it = access_.find(token);
  return it == access_.end() ? nullptr : &it->second;
}

}  // namespace keyfob::simulated
