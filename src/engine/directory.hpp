#pragma once
// Directory: the applications, callers and data keys of this installation, as one immutable snapshot that every thread
// may read, and the only place that changes them. Secrets stay sealed in it.

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "core/application.hpp"
#include "core/provider.hpp"
#include "ports/clock.hpp"
#include "ports/directory_store.hpp"
#include "ports/key_provider.hpp"
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
};

struct NewCaller {
  std::string name;
  AppId app{};  ///< empty only with Permission::admin
  std::vector<Permission> permissions;
  std::vector<UserId> users{};
  std::vector<std::string> routes{};
  std::optional<WallTime> expires_at{};
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
};

/// Changes and load(): engine executor only. snapshot() and revision(): any thread.
class Directory {
 public:
  using Profiles = std::unordered_map<std::string, std::shared_ptr<const ProviderProfile>>;
  Directory(DirectoryPorts ports, Profiles profiles);

  /// Reads everything and unwraps the data keys. damaged: a data key does not open with this master key (wrong or
  /// damaged key file); the message names both fingerprints.
  Task<Result<void>> load();

  [[nodiscard]] std::shared_ptr<const DirectorySnapshot> snapshot() const { return snapshot_.load(); }
  [[nodiscard]] std::uint64_t revision() const { return revision_.load(std::memory_order_acquire); }
  [[nodiscard]] const Profiles& profiles() const { return profiles_; }

  /// Makes the application's first data key, too. conflict: the name is taken. invalid_argument: says which field and
  /// why.
  Task<Result<Application>> add_application(std::string name, ApplicationEdit edit);
  Task<Result<Application>> set_application(AppId app, ApplicationEdit edit);
  Task<Result<void>> remove_application(AppId app);

  Task<Result<IssuedCaller>> add_caller(NewCaller caller);
  /// A new key; the old one works until `overlap` has passed.
  Task<Result<IssuedCaller>> rotate_caller(CallerId caller, Milliseconds overlap);
  Task<Result<Caller>> disable_caller(CallerId caller);

  /// Opens one secret of an application. not_found: it has none.
  [[nodiscard]] Result<ClientSecret> client_secret(const ApplicationView& app, SecretPurpose purpose) const;
  [[nodiscard]] Result<ManagementToken> management_token(const ApplicationView& app, SecretPurpose purpose) const;

 private:
  Task<Result<std::shared_ptr<const vault::Keyring>>> unwrap_keys();
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
  Task<Result<WrappedDataKey>> make_data_key(AppId app);
  [[nodiscard]] std::string random_id(std::size_t length);

  DirectoryPorts ports_;
  Profiles profiles_;
  std::atomic<std::shared_ptr<const DirectorySnapshot>> snapshot_;
  std::atomic<std::uint64_t> revision_ = 0;
};

}  // namespace keyfob::engine
