#include "model/token_desk.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::sim {

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::unknown: return "unknown";
    case Refusal::foreign_client: return "foreign_client";
    case Refusal::expired: return "expired";
    case Refusal::spent: return "spent";
    case Refusal::revoked: return "revoked";
    case Refusal::redirect_mismatch: return "redirect_mismatch";
  }
  return "?";
}

std::string TokenDesk::issue_code(Consent consent, std::string redirect_uri, WallTime now) {
  std::string code = uuids_.next();
  codes_.emplace(code, Code{std::move(consent), std::move(redirect_uri), now + settings_.code_ttl, std::nullopt});
  return code;
}

TokenPair TokenDesk::issue_pair(Consent consent, WallTime now) {
  return mint(open_grant(std::move(consent), now), now);
}

Grant& TokenDesk::open_grant(Consent consent, WallTime now) {
  if (settings_.reconnect_invalidates) {
    const auto same_owner = [&](const Grant& grant) {
      return grant.consent.client == consent.client && grant.consent.user == consent.user &&
             (!consent.single_select || grant.consent.vehicles == consent.vehicles);
    };
    disconnect(same_owner, {});
  }
  Grant& grant = grants_.emplace_back();
  grant.id = grants_.size() - 1;
  grant.consent = std::move(consent);
  grant.created = now;
  return grant;
}

TokenPair TokenDesk::mint(Grant& grant, WallTime now) {
  grant.newest_access = uuids_.next();
  grant.newest_refresh = uuids_.next();
  grant.newest_issued = now;
  grant.newest_seen = false;
  access_[grant.newest_access] = Access{grant.id, now + settings_.access_ttl};
  Refresh refresh;
  refresh.grant = grant.id;
  refresh.issued = now;
  refresh.expires = now + settings_.refresh_ttl;
  refresh_[grant.newest_refresh] = std::move(refresh);
  return {grant.newest_access, grant.newest_refresh, settings_.access_ttl};
}

TokenAnswer TokenDesk::refuse(Refusal refusal) {
  ++stats_.refused[refusal];
  return std::unexpected(refusal);
}

TokenAnswer TokenDesk::exchange_code(std::string_view client, std::string_view code, std::string_view redirect_uri,
                                     WallTime now) {
  const auto found = codes_.find(std::string(code));
  if (found == codes_.end()) return refuse(Refusal::unknown);
  Code& entry = found->second;
  if (!entry.consent.client.empty() && entry.consent.client != client) return refuse(Refusal::foreign_client);
  if (entry.grant) return refuse(Refusal::spent);
  if (entry.expires <= now) return refuse(Refusal::expired);
  // Official SDKs leave redirect_uri out, or send the text "undefined", when none was configured.
  const bool unsaid = redirect_uri.empty() || redirect_uri == "undefined";
  if (!unsaid && redirect_uri != entry.redirect_uri) return refuse(Refusal::redirect_mismatch);
  Grant& grant = open_grant(entry.consent, now);
  if (grant.consent.client.empty()) grant.consent.client = client;
  entry.grant = grant.id;
  ++stats_.codes_exchanged;
  return mint(grant, now);
}

TokenAnswer TokenDesk::refresh(std::string_view client, std::string_view token, WallTime now) {
  ++stats_.refresh_requests;
  const auto found = refresh_.find(std::string(token));
  if (found == refresh_.end()) return refuse(Refusal::unknown);
  Refresh& entry = found->second;
  Grant& grant = grants_[entry.grant];
  if (grant.consent.client.empty()) grant.consent.client = client;
  if (grant.consent.client != client) return refuse(Refusal::foreign_client);
  ++entry.uses;
  if (grant.newest_refresh == token) grant.newest_seen = true;
  if (grant.revoked) return refuse(Refusal::revoked);
  if (entry.expires <= now) return refuse(Refusal::expired);
  if (settings_.rotation == Rotation::none) return keep_refresh(grant, entry, token, now);
  return entry.first_used ? later_use(grant, entry, now) : first_use(grant, entry, now);
}

TokenPair TokenDesk::keep_refresh(Grant& grant, Refresh& token, std::string_view text, WallTime now) {
  token.first_used = token.first_used.value_or(now);
  token.expires = now + settings_.refresh_ttl;
  grant.newest_access = uuids_.next();
  grant.newest_issued = now;
  access_[grant.newest_access] = Access{grant.id, now + settings_.access_ttl};
  ++grant.rotations;
  ++stats_.rotations;
  return {grant.newest_access, std::string(text), settings_.access_ttl};
}

TokenAnswer TokenDesk::first_use(Grant& grant, Refresh& token, WallTime now) {
  TokenPair pair = mint(grant, now);  // references into an unordered_map survive the insertion
  token.first_used = now;
  token.next_access = pair.access_token;
  token.next_refresh = pair.refresh_token;
  ++grant.rotations;
  ++stats_.rotations;
  return pair;
}

TokenAnswer TokenDesk::later_use(Grant& grant, Refresh& token, WallTime now) {
  if (!inside_window(token, now)) {
    ++stats_.late_uses;
    if (settings_.strict_revokes_family) {
      grant.revoked = grant.family_revoked = true;
      ++stats_.families_revoked;
    }
    return refuse(Refusal::spent);
  }
  ++stats_.second_uses;
  if (settings_.replay == Replay::new_pair) return mint(grant, now);
  const WallTime expires = access_[token.next_access].expires;
  const auto left = std::chrono::duration_cast<seconds>(expires - now);
  return TokenPair{token.next_access, token.next_refresh, std::max(left, seconds(0))};
}

bool TokenDesk::inside_window(const Refresh& token, WallTime now) const {
  return settings_.rotation == Rotation::window && token.first_used &&
         now <= *token.first_used + settings_.reuse_window;
}

bool TokenDesk::answers(const Refresh& token, WallTime now) const {
  if (grants_[token.grant].revoked || token.expires <= now) return false;
  return settings_.rotation == Rotation::none || !token.first_used || inside_window(token, now);
}

const Grant* TokenDesk::open_access(std::string_view token, WallTime now) {
  const auto found = access_.find(std::string(token));
  if (found == access_.end() || found->second.expires <= now) return nullptr;
  Grant& grant = grants_[found->second.grant];
  if (grant.family_revoked) return nullptr;
  if (grant.newest_access == token) grant.newest_seen = true;
  return &grant;
}

std::string TokenDesk::owner_of_access(std::string_view token) const {
  const auto found = access_.find(std::string(token));
  return found == access_.end() ? std::string() : grants_[found->second.grant].consent.user;
}

std::string TokenDesk::owner_of_refresh(std::string_view token) const {
  const auto found = refresh_.find(std::string(token));
  return found == refresh_.end() ? std::string() : grants_[found->second.grant].consent.user;
}

std::optional<RefreshTokenFacts> TokenDesk::inspect_refresh(std::string_view token, WallTime now) const {
  const auto found = refresh_.find(std::string(token));
  if (found == refresh_.end()) return std::nullopt;
  const Refresh& entry = found->second;
  const Grant& grant = grants_[entry.grant];
  return RefreshTokenFacts{&grant,       grant.newest_refresh == token, answers(entry, now), entry.uses, entry.issued,
                           entry.expires};
}

std::optional<WallTime> TokenDesk::access_expiry(std::string_view token) const {
  const auto found = access_.find(std::string(token));
  if (found == access_.end()) return std::nullopt;
  return found->second.expires;
}

std::size_t TokenDesk::expire_access(const Which& which, WallTime now) {
  std::size_t count = 0;
  for (auto& [text, token] : access_) {
    if (token.expires <= now || !which(grants_[token.grant])) continue;
    token.expires = now;
    ++count;
  }
  return count;
}

std::size_t TokenDesk::expire_refresh(const Which& which, WallTime now) {
  std::size_t count = 0;
  for (auto& [text, token] : refresh_) {
    if (token.expires <= now || !which(grants_[token.grant])) continue;
    token.expires = now;
    ++count;
  }
  return count;
}

std::size_t TokenDesk::disconnect(const Which& which, std::string_view vehicle) {
  std::size_t count = 0;
  for (Grant& grant : grants_) {
    auto& vehicles = grant.consent.vehicles;
    if (grant.revoked || !which(grant)) continue;
    const std::size_t removed =
        vehicle.empty() ? std::exchange(vehicles, {}).size() : std::erase(vehicles, std::string(vehicle));
    if (removed == 0 && !vehicle.empty()) continue;
    grant.revoked = vehicles.empty();
    ++count;
  }
  return count;
}

std::size_t TokenDesk::live_refresh_tokens(WallTime now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(refresh_, [&](const auto& entry) { return answers(entry.second, now); }));
}

std::map<std::uint64_t, std::size_t> TokenDesk::uses_of_refresh_tokens() const {
  std::map<std::uint64_t, std::size_t> uses;
  for (const auto& [text, token] : refresh_) ++uses[token.uses];
  return uses;
}

}  // namespace keyfob::sim
