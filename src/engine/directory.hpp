#pragma once
// Directory: the applications, callers and data keys of this installation, as one immutable snapshot that every thread
// may read, and the only place that changes them. Secrets stay sealed in it.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/instance_number.hpp"
#include "base/result.hpp"
#include "core/application.hpp"
#include "core/provider.hpp"
#include "engine/key_use.hpp"
#include "ports/clock.hpp"
#include "ports/directory_store.hpp"
#include "ports/key_provider.hpp"
#include "ports/key_rotation.hpp"
#include "vault/keyring.hpp"

namespace keyfob::engine {

/// One application with its profile, ready to use.
struct ApplicationView {
  ApplicationRecord record;
  std::shared_ptr<const ProviderProfile> profile;  ///< never null

  [[nodiscard]] const Application& app() const { return record.app; }
  [[nodiscard]] bool has_secret(SecretPurpose purpose) const;
  [[nodiscard]] bool has_v3_credentials() const;
};

/// Immutable; any thread.
struct DirectorySnapshot {
  std::uint64_t revision = 0;
  std::unordered_map<AppId, std::shared_ptr<const ApplicationView>> applications;
  std::vector<CallerRecord> callers;
  std::shared_ptr<const vault::Keyring> keyring;
  std::unordered_set<AppId> older_keys{};  ///< applications with data keys beside the primary one

  [[nodiscard]] std::shared_ptr<const ApplicationView> find(const AppId& app) const;               ///< null: unknown
  [[nodiscard]] std::shared_ptr<const ApplicationView> find_by_name(std::string_view name) const;  ///< null: unknown
};

/// What `app add` and `app set` take. Secrets arrive in the clear, are sealed here and wiped. Empty optionals change
/// nothing.
struct ApplicationEdit {
  std::optional<std::string> client_id{};
  std::optional<std::string> provider{};
  std::optional<std::string> v3_client_id{};
  std::optional<Mode> mode{};
  std::optional<std::string> redirect_uri{};
  std::optional<std::vector<std::string>> scopes{};
  std::optional<std::vector<std::string>> return_to{};
  std::optional<ClientSecret> client_secret{};        ///< the old one becomes previous_client_secret
  std::optional<ManagementToken> management_token{};  ///< the old one becomes previous_management_token
  std::optional<ClientSecret> v3_client_secret{};
  std::optional<std::string> webhook_url{};  ///< where webhooks are passed on to; empty text: nowhere
  std::optional<Secret> webhook_secret{};    ///< signs what is passed on
};

struct NewCaller {
  std::string name;
  AppId app{};  ///< empty only with Permission::admin
  std::vector<Permission> permissions;
  std::vector<UserId> users{};
  std::vector<std::string> routes{};
  std::optional<WallTime> expires_at{};
};

/// What of a store and of the key providers is needed to rotate keys. Null: this store has no key rotation.
struct KeyRotationPorts {
  ResealStore* reseal = nullptr;
  DataKeyChange* change = nullptr;
  DataKeyHolders* holders = nullptr;
  std::vector<KeyProvider*> other_masters{};  ///< accepted for opening while nodes roll from one master key to the next
};

/// The API key is shown once, here.
struct IssuedCaller {
  Caller caller;
  Secret api_key;  ///< kf_<id>_<secret>
};

struct DirectoryPorts {
  ApplicationStore& applications;
  CallerStore& callers;
  DataKeyStore& data_keys;
  KeyProvider& master;
  Clock& clock;
  Random& random;
  KeyRotationPorts rotation{};
  NodeId node{};
  const Spool* spool = nullptr;
};

/// One data key, for people.
struct DataKeyInfo {
  AppId app;
  DataKeyId id;
  bool primary = false;
  std::string master;  ///< fingerprint of the master key that wraps it
  WallTime created_at{};
  std::vector<DataKeyHolder> holders;  ///< nodes that may still use it
};

/// Changes and load(): engine executor only. snapshot() and revision(): any thread.
class Directory {
 public:
  using Profiles = std::unordered_map<std::string, std::shared_ptr<const ProviderProfile>>;
  Directory(DirectoryPorts ports, Profiles profiles);

  /// Reads everything and unwraps the data keys that are not known yet. damaged: a data key does not open with any
  /// master key at hand (wrong or damaged key file); the message names the fingerprints. unavailable: store or key
  /// provider. One at a time; what an application's keys have become is seen by whoever calls after it returned.
  Task<Result<void>> load();
  /// A record names a data key that this node does not know: looks once more, at most every second.
  Task<void> look_for_new_keys();

  [[nodiscard]] std::shared_ptr<const DirectorySnapshot> snapshot() const { return snapshot_.load(); }
  /// The same without touching memory that other threads write to, as long as nothing has changed. Valid until this
  /// thread asks again.
  [[nodiscard]] const DirectorySnapshot& snapshot_of_this_thread() const;
  [[nodiscard]] std::uint64_t revision() const { return revision_.load(std::memory_order_acquire); }
  [[nodiscard]] const Profiles& profiles() const { return profiles_; }

  /// The data key of the installation as a whole (kInstallation), made when there is none yet: the
  /// audit trail's key is derived from it.
  Task<Result<void>> ensure_installation_key();

  /// Makes the application's first data key, too. conflict: the name is taken. invalid_argument: says which field and
  /// why.
  Task<Result<Application>> add_application(std::string name, ApplicationEdit edit);
  Task<Result<Application>> set_application(AppId app, ApplicationEdit edit);
  Task<Result<void>> remove_application(AppId app);

  Task<Result<IssuedCaller>> add_caller(NewCaller caller);
  /// A new key; the old one works until `overlap` has passed.
  Task<Result<IssuedCaller>> rotate_caller(CallerId caller, Milliseconds overlap);
  Task<Result<Caller>> disable_caller(CallerId caller);

  /// Taken before something is sealed, kept until it is stored or dropped: its data key is not retired meanwhile.
  [[nodiscard]] KeyHold hold_key(const AppId& app);
  /// Tells the store which data keys this node needs no longer.
  Task<Result<void>> settle_keys();
  Task<Result<std::vector<DataKeyInfo>>> data_keys();
  /// A new data key becomes primary at once; records move to it when they rotate or are re-sealed. conflict: the keys
  /// kept changing under it.
  Task<Result<DataKeyId>> rotate_data_key(AppId app);
  /// Every data key of the installation is wrapped by `next`, or none. Answers how many. damaged: one does not open
  /// with the master keys at hand, nothing was changed; conflict: as above. `next` must outlive the directory.
  Task<Result<std::size_t>> rewrap(KeyProvider& next);
  /// Moves the secrets of one application to its primary data key. damaged: one does not open; it stays as it is.
  Task<Result<void>> reseal_secrets(AppId app);
  /// Destroys a data key that no grant and no secret names. Errors: DataKeyChange::retire_data_key's.
  Task<Result<void>> retire_data_key(DataKeyRef key);
  /// A node is gone for good with whatever its spool held: its say about data keys ends.
  Task<Result<void>> forget_node(NodeId node);

  /// Opens one secret of an application. not_found: it has none.
  [[nodiscard]] Result<ClientSecret> client_secret(const ApplicationView& app, SecretPurpose purpose) const;
  [[nodiscard]] Result<ManagementToken> management_token(const ApplicationView& app, SecretPurpose purpose) const;
  [[nodiscard]] Result<Secret> webhook_secret(const ApplicationView& app) const;

 private:
  class Turn;
  Task<void> take_turn();
  Task<Result<void>> load_now();
  Task<Result<std::vector<WrappedDataKey>>> covered_data_keys();
  Task<Result<std::shared_ptr<const vault::Keyring>>> unwrap_keys(std::vector<WrappedDataKey> wrapped);
  Task<Result<Secret>> unwrap(const WrappedDataKey& key);
  [[nodiscard]] KeyProvider* master_named(const std::string& fingerprint) const;
  Task<Result<WrappedDataKey>> wrap(AppId app, DataKeyId id, Secret raw);
  [[nodiscard]] Result<void> can_rotate() const;
  Task<Result<DataKeyId>> make_primary(AppId app);
  Task<Result<std::size_t>> wrap_all_with(KeyProvider& next);
  void publish(std::shared_ptr<DirectorySnapshot> next);
  Result<void> apply_fields(Application& app, const ApplicationEdit& edit) const;
  Result<void> apply(ApplicationRecord& record, const ApplicationEdit& edit);
  template <class Token>
  Result<void> seal_into(ApplicationRecord& record, SecretPurpose purpose, const Token& secret);
  Result<void> replace_client_secret(ApplicationRecord& record, const ClientSecret& secret);
  Result<void> replace_management_token(ApplicationRecord& record, const ManagementToken& token);
  Task<Result<Application>> store(ApplicationRecord record);
  Task<Result<IssuedCaller>> issue(CallerRecord record, Secret api_key);
  Result<Secret> new_api_key(const CallerId& id);
  [[nodiscard]] Result<CallerRecord> caller_record(const CallerId& id) const;
  Task<Result<WrappedDataKey>> make_data_key(AppId app, DataKeyId id);

  DirectoryPorts ports_;
  Profiles profiles_;
  const std::uint64_t instance_ = new_instance_number();
  std::atomic<std::shared_ptr<const DirectorySnapshot>> snapshot_;
  std::atomic<std::uint64_t> revision_ = 0;
  KeyUse key_use_;
  bool turn_taken_ = false;
  std::optional<BootTime> looked_at_;
};

}  // namespace keyfob::engine
