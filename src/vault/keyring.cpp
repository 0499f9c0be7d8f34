#include "vault/keyring.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::vault {
namespace {

constexpr auto kIdOf = [](const std::shared_ptr<const DataKey>& key) { return key->id(); };

}  // namespace

const DataKey* Keyring::AppKeys::find(DataKeyId id) const {
  const auto at = std::ranges::find(keys, id, kIdOf);
  return at == keys.end() ? nullptr : at->get();
}

void Keyring::AppKeys::put(std::shared_ptr<const DataKey> key, bool as_primary) {
  if (as_primary) {
    primary = key->id();
  } else if (primary == key->id()) {
    primary.reset();
  }
  const auto at = std::ranges::lower_bound(keys, key->id(), {}, kIdOf);
  if (at != keys.end() && (*at)->id() == key->id()) {
    *at = std::move(key);
  } else {
    keys.insert(at, std::move(key));
  }
}

KeyringPtr Keyring::empty() { return std::make_shared<const Keyring>(); }

Result<KeyringPtr> Keyring::with(std::span<const KeyMaterial> keys) const {
  auto next = std::make_shared<Keyring>(*this);
  for (const KeyMaterial& material : keys) {
    Result<DataKey> key = DataKey::from_raw(material.id, material.raw);
    if (!key) return fail(std::move(key.error()));
    next->apps_[material.app].put(std::make_shared<const DataKey>(std::move(*key)), material.primary);
  }
  return next;
}

KeyringPtr Keyring::promoted(const AppId& app, DataKeyId id) const {
  auto next = std::make_shared<Keyring>(*this);
  if (find(app, id) != nullptr) next->apps_[app].primary = id;
  return next;
}

KeyringPtr Keyring::without(const AppId& app) const {
  auto next = std::make_shared<Keyring>(*this);
  next->apps_.erase(app);
  return next;
}

KeyringPtr Keyring::without(const AppId& app, DataKeyId id) const {
  auto next = std::make_shared<Keyring>(*this);
  const auto at = next->apps_.find(app);
  if (at == next->apps_.end()) return next;
  std::erase_if(at->second.keys, [id](const auto& key) { return key->id() == id; });
  if (at->second.primary == id) at->second.primary.reset();
  return next;
}

const DataKey* Keyring::find(const AppId& app, DataKeyId id) const {
  const auto at = apps_.find(app);
  return at == apps_.end() ? nullptr : at->second.find(id);
}

const DataKey* Keyring::primary(const AppId& app) const {
  const auto at = apps_.find(app);
  if (at == apps_.end()) return nullptr;
  const AppKeys& keys = at->second;
  return keys.primary ? keys.find(*keys.primary) : nullptr;
}

std::vector<AppId> Keyring::applications() const {
  std::vector<AppId> out;
  for (const auto& [app, keys] : apps_) out.push_back(app);
  return out;
}

std::vector<DataKeyId> Keyring::ids(const AppId& app) const {
  std::vector<DataKeyId> out;
  const auto at = apps_.find(app);
  if (at == apps_.end()) return out;
  std::ranges::transform(at->second.keys, std::back_inserter(out), kIdOf);
  return out;
}

}  // namespace keyfob::vault
