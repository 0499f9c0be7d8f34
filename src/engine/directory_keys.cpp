// The part of the Directory that deals with keys.
#include <algorithm>
#include <array>

#include "crypto/hash.hpp"
#include "engine/directory.hpp"
#include "vault/data_key.hpp"
#include "vault/sealed_record.hpp"
#include "vault/secrets.hpp"

namespace keyfob::engine {
namespace {

constexpr Milliseconds kTurnPoll = Milliseconds(2);
constexpr Milliseconds kLookAgain = seconds(1);
constexpr int kRounds = 5;  ///< how often it is done over, when the keys changed meanwhile

std::unexpected<Error> keys_keep_changing() {
  return fail(ErrorCode::conflict, "the data keys keep changing", "try again");
}

/// By the background that retires old ones, by another node, by another operator.
template <class T>
bool keys_changed(const Result<T>& changed) {
  return !changed && changed.error().code == ErrorCode::conflict;
}

std::vector<DataKeyRef> primaries_of(const std::vector<WrappedDataKey>& keys) {
  std::vector<DataKeyRef> primaries;
  for (const WrappedDataKey& key : keys) {
    if (key.primary) primaries.push_back({key.app, key.id});
  }
  return primaries;
}

/// Applications that have no data key any more: theirs are forgotten here, too.
vault::KeyringPtr without_removed(vault::KeyringPtr keyring, const std::vector<WrappedDataKey>& keys) {
  for (const AppId& app : keyring->applications()) {
    if (std::ranges::find(keys, app, &WrappedDataKey::app) == keys.end()) keyring = keyring->without(app);
  }
  return keyring;
}

}  // namespace

/// Loading is one at a time: a reader that was overtaken must not publish what it saw before.
class Directory::Turn {
 public:
  explicit Turn(bool& taken) : taken_(taken) { taken_ = true; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { taken_ = false; }

 private:
  bool& taken_;
};

Task<void> Directory::take_turn() {
  while (turn_taken_) co_await ports_.clock.sleep(kTurnPoll);
}

Task<Result<void>> Directory::load() {
  co_await take_turn();
  const Turn turn(turn_taken_);
  Result<void> loaded = co_await load_now();
  co_return loaded;
}

Task<void> Directory::look_for_new_keys() {
  const BootTime now = ports_.clock.boot();
  if (looked_at_ && now - *looked_at_ < kLookAgain) co_return;
  looked_at_ = now;
  [[maybe_unused]] const Result<void> loaded = co_await load();  // a record that still does not open says so itself
}

// --- unwrapping ---

/// The store knows that this node may use the primary ones before it does; a key that was retired while it was being
/// told is no longer among them.
Task<Result<std::vector<WrappedDataKey>>> Directory::covered_data_keys() {
  for (int round = 0; round < kRounds; ++round) {
    Result<std::vector<WrappedDataKey>> keys = co_await ports_.data_keys.data_keys();
    if (!keys || key_use_.covers(primaries_of(*keys))) co_return keys;
    std::vector<DataKeyRef> primaries = primaries_of(*keys);
    const Result<void> covered = co_await key_use_.cover(std::move(primaries));
    if (!covered) co_return fail(covered.error());
  }
  co_return keys_keep_changing();
}

KeyProvider* Directory::master_named(const std::string& fingerprint) const {
  if (ports_.master.fingerprint() == fingerprint) return &ports_.master;
  for (KeyProvider* other : ports_.rotation.other_masters) {
    if (other->fingerprint() == fingerprint) return other;
  }
  return nullptr;
}

Task<Result<Secret>> Directory::unwrap(const WrappedDataKey& key) {
  KeyProvider* master = master_named(key.master);
  if (master == nullptr) {
    co_return fail(ErrorCode::damaged,
                   "data key " + std::to_string(key.id.value()) + " is wrapped by master key " + key.master +
                       ", but the master key at hand is " + ports_.master.fingerprint(),
                   "point [keys] master at the key that this store was made with");
  }
  Bytes context = vault::wrap_context(key.app, key.id);
  Bytes bytes = key.wrapped;
  Result<Secret> raw = co_await master->unwrap(std::move(bytes), std::move(context));
  co_return raw;
}

/// What is known already is not unwrapped again: an id is never used for another key. A key that was retired stays
/// good for what this process still has in memory.
Task<Result<vault::KeyringPtr>> Directory::unwrap_keys(std::vector<WrappedDataKey> wrapped) {
  vault::KeyringPtr keyring = without_removed(snapshot_.load()->keyring, wrapped);
  std::vector<vault::KeyMaterial> material;
  for (const WrappedDataKey& key : wrapped) {
    if (keyring->find(key.app, key.id) != nullptr) continue;
    Result<Secret> raw = co_await unwrap(key);
    if (!raw) co_return fail(raw.error());
    material.push_back({key.app, key.id, key.primary, std::move(*raw)});
  }
  Result<vault::KeyringPtr> next = keyring->with(material);
  if (!next) co_return next;
  for (const WrappedDataKey& key : wrapped) {
    const vault::DataKey* primary = (*next)->primary(key.app);
    const bool already = primary != nullptr && primary->id() == key.id;
    if (key.primary && !already) next = (*next)->promoted(key.app, key.id);
  }
  co_return next;
}

// --- making, wrapping ---

Task<Result<WrappedDataKey>> Directory::wrap(AppId app, DataKeyId id, Secret raw) {
  WrappedDataKey key;
  key.app = app;
  key.id = id;
  key.master = ports_.master.fingerprint();
  key.created_at = ports_.clock.wall();
  Bytes context = vault::wrap_context(app, id);
  Result<Bytes> wrapped = co_await ports_.master.wrap(std::move(raw), std::move(context));
  if (!wrapped) co_return fail(wrapped.error());
  key.wrapped = std::move(*wrapped);
  co_return key;
}

Task<Result<WrappedDataKey>> Directory::make_data_key(AppId app, DataKeyId id) {
  std::array<std::uint8_t, vault::kDataKeySize> random{};
  ports_.random.fill(random);
  Secret raw = vault::new_data_key(random);
  wipe(random.data(), random.size());
  Result<WrappedDataKey> key = co_await wrap(std::move(app), id, std::move(raw));
  co_return key;
}

// --- using ---

KeyHold Directory::hold_key(const AppId& app) {
  const vault::DataKey* primary = snapshot_.load()->keyring->primary(app);
  return primary == nullptr ? KeyHold() : key_use_.hold({app, primary->id()});
}

Task<Result<void>> Directory::settle_keys() {
  if (turn_taken_) co_return Result<void>();  // the next time will do
  const Turn turn(turn_taken_);
  const vault::KeyringPtr keyring = snapshot_.load()->keyring;
  std::vector<DataKeyRef> primaries;
  std::vector<DataKeyRef> known;
  for (const AppId& app : keyring->applications()) {
    if (const vault::DataKey* primary = keyring->primary(app)) primaries.push_back({app, primary->id()});
    for (const DataKeyId id : keyring->ids(app)) known.push_back({app, id});
  }
  Result<void> settled = co_await key_use_.settle(std::move(primaries), std::move(known));
  co_return settled;
}

// --- what operators do ---

Result<void> Directory::can_rotate() const {
  const KeyRotationPorts& ports = ports_.rotation;
  if (ports.reseal != nullptr && ports.change != nullptr && ports.holders != nullptr) return {};
  return fail(ErrorCode::invalid_argument, "this store cannot change its keys yet");
}

Task<Result<std::vector<DataKeyInfo>>> Directory::data_keys() {
  Result<std::vector<WrappedDataKey>> keys = co_await ports_.data_keys.data_keys();
  if (!keys) co_return fail(keys.error());
  std::vector<DataKeyHolder> holders;
  if (ports_.rotation.holders != nullptr) {
    Result<std::vector<DataKeyHolder>> told = co_await ports_.rotation.holders->data_key_holders();
    if (!told) co_return fail(told.error());
    holders = std::move(*told);
  }
  std::vector<DataKeyInfo> out;
  for (const WrappedDataKey& key : *keys) {
    DataKeyInfo info{key.app, key.id, key.primary, key.master, key.created_at, {}};
    const DataKeyRef ref{key.app, key.id};
    std::ranges::copy_if(holders, std::back_inserter(info.holders), [&](const auto& h) { return h.key == ref; });
    out.push_back(std::move(info));
  }
  co_return out;
}

Task<Result<DataKeyId>> Directory::rotate_data_key(AppId app) {
  if (auto able = can_rotate(); !able) co_return fail(able.error());
  Result<DataKeyId> made = keys_keep_changing();
  for (int round = 0; round < kRounds && keys_changed(made); ++round) {
    AppId of = app;
    made = co_await make_primary(std::move(of));
  }
  if (!made) co_return made;
  const Result<void> loaded = co_await load();
  if (!loaded) co_return fail(loaded.error());
  co_return made;
}

Task<Result<DataKeyId>> Directory::make_primary(AppId app) {
  Result<std::vector<WrappedDataKey>> all = co_await ports_.data_keys.data_keys();
  if (!all) co_return fail(all.error());
  std::vector<WrappedDataKey> before;
  DataKeyId newest;
  for (WrappedDataKey& key : *all) {
    if (key.app != app) continue;
    newest = std::max(newest, key.id);
    before.push_back(std::move(key));
  }
  if (before.empty()) co_return fail(ErrorCode::not_found, "the application has no data key");
  Result<WrappedDataKey> made = co_await make_data_key(app, newest.next());
  if (!made) co_return fail(made.error());
  std::vector<WrappedDataKey> after = before;
  for (WrappedDataKey& key : after) key.primary = false;
  after.push_back(std::move(*made));
  const Result<void> changed =
      co_await ports_.rotation.change->change_data_keys(std::move(app), std::move(before), std::move(after));
  if (!changed) co_return fail(changed.error());
  co_return newest.next();
}

Task<Result<std::size_t>> Directory::rewrap(KeyProvider& next) {
  if (auto able = can_rotate(); !able) co_return fail(able.error());
  Result<std::size_t> count = keys_keep_changing();
  for (int round = 0; round < kRounds && keys_changed(count); ++round) count = co_await wrap_all_with(next);
  if (!count) co_return count;
  if (master_named(next.fingerprint()) == nullptr) ports_.rotation.other_masters.push_back(&next);
  co_return count;
}

Task<Result<std::size_t>> Directory::wrap_all_with(KeyProvider& next) {
  Result<std::vector<WrappedDataKey>> before = co_await ports_.data_keys.data_keys();
  if (!before) co_return fail(before.error());
  std::vector<WrappedDataKey> after = *before;
  for (WrappedDataKey& key : after) {
    Result<Secret> raw = co_await unwrap(key);
    if (!raw) co_return fail(raw.error());
    Bytes context = vault::wrap_context(key.app, key.id);
    Result<Bytes> wrapped = co_await next.wrap(*raw, context);
    if (!wrapped) co_return fail(wrapped.error());
    // What cannot be opened again must not take the place of what can.
    Bytes copy = *wrapped;
    const Result<Secret> back = co_await next.unwrap(std::move(copy), std::move(context));
    if (!back) co_return fail(back.error());
    if (*back != *raw) co_return fail(ErrorCode::damaged, "the new master key does not give back what it wrapped");
    key.master = next.fingerprint();
    key.wrapped = std::move(*wrapped);
  }
  const std::size_t count = after.size();
  const Result<void> changed =
      co_await ports_.rotation.change->change_data_keys({}, std::move(*before), std::move(after));
  if (!changed) co_return fail(changed.error());
  co_return count;
}

Task<Result<void>> Directory::reseal_secrets(AppId app) {
  const auto view = snapshot()->find(app);
  const vault::DataKey* primary = snapshot_.load()->keyring->primary(app);
  if (!view || primary == nullptr) co_return fail(ErrorCode::not_found, "no such application");
  const KeyHold held = hold_key(app);
  ApplicationRecord record = view->record;
  bool moved = false;
  for (SealedSecret& secret : record.secrets) {
    const Result<DataKeyId> key = vault::data_key_of(secret.sealed);
    if (key && *key == primary->id()) continue;
    vault::Nonce nonce{};
    ports_.random.fill(nonce);
    const vault::SecretBinding binding{app, secret.purpose};
    Result<Bytes> sealed = vault::reseal_secret(*snapshot_.load()->keyring, binding, secret.sealed, nonce);
    if (!sealed) co_return fail(sealed.error());
    secret.sealed = std::move(*sealed);
    moved = true;
  }
  if (!moved) co_return Result<void>();
  record.app.revision += 1;
  const Result<Application> stored = co_await store(std::move(record));
  if (!stored) co_return fail(stored.error());
  co_return Result<void>();
}

Task<Result<void>> Directory::retire_data_key(DataKeyRef key) {
  if (auto able = can_rotate(); !able) co_return fail(able.error());
  Result<void> retired = co_await ports_.rotation.change->retire_data_key(std::move(key));
  co_return retired;
}

Task<Result<void>> Directory::forget_node(NodeId node) {
  if (auto able = can_rotate(); !able) co_return fail(able.error());
  if (node == ports_.node) co_return fail(ErrorCode::invalid_argument, "this node is not gone");
  Result<void> told = co_await ports_.rotation.holders->hold_data_keys(std::move(node), {}, ports_.clock.wall());
  co_return told;
}

Task<Result<void>> Directory::ensure_installation_key() {
  if (snapshot()->keyring->primary(AppId(kInstallation)) != nullptr) co_return Result<void>();
  AppId installation{kInstallation};
  Result<WrappedDataKey> key = co_await make_data_key(std::move(installation), DataKeyId(1));
  if (!key) co_return fail(key.error());
  std::vector<WrappedDataKey> keys;
  keys.push_back(std::move(*key));
  const Result<void> stored = co_await ports_.data_keys.put_data_keys(std::move(keys));
  if (!stored) co_return fail(stored.error());
  co_return co_await load();
}

}  // namespace keyfob::engine
