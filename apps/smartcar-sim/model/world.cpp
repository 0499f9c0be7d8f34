#include "model/world.hpp"

#include <utility>

#include "base/bytes.hpp"

namespace keyfob::sim {
namespace {

std::string key_of(const std::string& client, const std::string& user, const std::string& vehicle) {
  return client + '\n' + user + '\n' + vehicle;
}

}  // namespace

World::World(Settings settings, std::uint64_t seed)
    : owners(seed ^ 0x6f776e6572730000U),
      desk(settings, seed),
      webhooks(seed ^ 0x686f6f6b73000000U),
      uuids_(seed ^ 0x776f726c64000000U) {}

std::string World::approve(Consent consent, std::string redirect_uri, WallTime now) {
  connect(consent, now);
  return desk.issue_code(std::move(consent), std::move(redirect_uri), now);
}

TokenPair World::issue(Consent consent, WallTime now) {
  connect(consent, now);
  return desk.issue_pair(std::move(consent), now);
}

void World::connect(const Consent& consent, WallTime now) {
  for (const std::string& vehicle : consent.vehicles) {
    std::uint64_t& known = connection_of_[key_of(consent.client, consent.user, vehicle)];
    connections_.erase(std::exchange(known, ++last_connection_));
    connections_[known] = {uuids_.next(),  consent.client, consent.user, vehicle,
                           consent.scopes, consent.mode,   now,          consent.external_id};
    for (const Webhook& webhook : webhooks.all()) {
      if (webhook.subscribes_all && visible(connections_[known], webhook.client)) {
        webhooks.subscribe(webhook.id, consent.user, vehicle, now);
      }
    }
  }
}

bool World::visible(const Connection& connection, std::string_view client) {
  return client.empty() || connection.client.empty() || connection.client == client;
}

std::vector<Connection> World::disconnect(const ConnectionFilter& which) {
  std::vector<Connection> removed = connections(which);
  std::erase_if(connections_, [&](const auto& entry) { return which(entry.second); });
  for (const Connection& one : removed) {
    connection_of_.erase(key_of(one.client, one.user, one.vehicle));
    webhooks.unsubscribe([&](const Subscription& s) { return s.user == one.user && s.vehicle == one.vehicle; });
    const auto opens_it = [&](const Grant& grant) {
      return grant.consent.user == one.user && (one.client.empty() || grant.consent.client == one.client);
    };
    desk.disconnect(opens_it, one.vehicle);
  }
  return removed;
}

std::vector<Connection> World::connections(const ConnectionFilter& which) const {
  std::vector<Connection> found;
  for (auto it = connections_.rbegin(); it != connections_.rend(); ++it) {
    if (which(it->second)) found.push_back(it->second);
  }
  return found;
}

const Connection* World::connection(std::string_view id) const {
  for (const auto& [age, one] : connections_) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

std::string World::issue_app_token(std::string_view client, WallTime now) {
  const WallTime expires = now + settings().app_token_ttl;
  const std::string claims = R"({"sub":")" + std::string(client) + R"(","jti":")" + uuids_.next() + R"(","exp":)" +
                             std::to_string(to_unix_ms(expires) / 1000) + "}";
  std::string token = to_base64url(as_bytes(R"({"alg":"RS256","typ":"JWT"})")) + "." + to_base64url(as_bytes(claims)) +
                      "." + to_base64url(as_bytes(uuids_.next()));
  app_tokens_[token] = {std::string(client), expires};
  return token;
}

const std::string* World::open_app_token(std::string_view token, WallTime now) const {
  const auto found = app_tokens_.find(std::string(token));
  if (found == app_tokens_.end() || found->second.expires <= now) return nullptr;
  return &found->second.client;
}

}  // namespace keyfob::sim
