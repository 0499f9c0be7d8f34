#pragma once
// Keyring: the data keys of all applications, as one immutable value. A change makes a new one; readers keep the
// snapshot they have, so looking a key up takes no lock.

#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "vault/data_key.hpp"

namespace keyfob::vault {

class Keyring;
using KeyringPtr = std::shared_ptr<const Keyring>;

/// An unwrapped data key on its way into a keyring.
struct KeyMaterial {
  AppId app;
  DataKeyId id;
  bool primary = true;  ///< new records are sealed with it; the application's former primary stays for opening
  Secret raw;
};

/// Immutable, any thread. Keys live as long as a keyring that holds them.
class Keyring {
 public:
  /// Without any key.
  [[nodiscard]] static KeyringPtr empty();
  /// This one and these; a key whose (app, id) is here already is replaced. All or nothing; the errors are
  /// DataKey::from_raw's.
  [[nodiscard]] Result<KeyringPtr> with(std::span<const KeyMaterial> keys) const;
  [[nodiscard]] Result<KeyringPtr> with(const KeyMaterial& key) const { return with({&key, 1}); }
  /// This key, which is here, becomes its application's primary; an unknown one changes nothing.
  [[nodiscard]] KeyringPtr promoted(const AppId& app, DataKeyId id) const;
  [[nodiscard]] KeyringPtr without(const AppId& app) const;
  [[nodiscard]] KeyringPtr without(const AppId& app, DataKeyId id) const;

  /// Null when it is not here. The pointer is valid while this keyring is.
  [[nodiscard]] const DataKey* find(const AppId& app, DataKeyId id) const;
  [[nodiscard]] const DataKey* primary(const AppId& app) const;
  [[nodiscard]] std::vector<AppId> applications() const;
  /// Ascending.
  [[nodiscard]] std::vector<DataKeyId> ids(const AppId& app) const;

 private:
  struct AppKeys {
    std::optional<DataKeyId> primary;
    std::vector<std::shared_ptr<const DataKey>> keys;  // ascending by id
    [[nodiscard]] const DataKey* find(DataKeyId id) const;
    void put(std::shared_ptr<const DataKey> key, bool as_primary);
  };
  std::unordered_map<AppId, AppKeys> apps_;
};

}  // namespace keyfob::vault
