#include "model/clients.hpp"

#include <algorithm>

namespace keyfob::sim {
namespace {

const std::string kAnyClient;

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

}  // namespace

Client& Clients::put(std::string_view id) {
  Client& client = clients_[std::string(id)];
  client.id = id;
  return client;
}

const Client* Clients::find(std::string_view id) const {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : &found->second;
}

bool Clients::accepts(std::string_view id, std::string_view secret) const {
  if (id.empty() || secret.empty()) return false;
  if (open_to_all()) return !id.starts_with("client_");  // v3 credentials are refused here, as in the field
  const Client* client = find(id);
  return client != nullptr && contains(client->secrets, secret);
}

const std::string* Clients::accepts_v3(std::string_view id, std::string_view secret) const {
  if (id.empty() || secret.empty()) return nullptr;
  if (open_to_all()) return &kAnyClient;
  for (const auto& [name, client] : clients_) {
    if (!client.v3_id.empty() && client.v3_id == id && contains(client.v3_secrets, secret)) return &client.id;
  }
  return nullptr;
}

const std::string* Clients::accepts_management(std::string_view token) const {
  if (token.empty()) return nullptr;
  if (open_to_all()) return &kAnyClient;
  for (const auto& [name, client] : clients_) {
    if (client.management_token.empty() || client.management_token == token) return &client.id;
  }
  return nullptr;
}

bool Clients::managed_by(std::string_view token) const {
  const auto is_it = [&](const auto& entry) { return entry.second.management_token == token; };
  return !token.empty() && std::ranges::any_of(clients_, is_it);
}

}  // namespace keyfob::sim
