#include "engine/directory.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/url.hpp"
#include "core/limits.hpp"
#include "crypto/hash.hpp"
#include "engine/random_id.hpp"
#include "vault/data_key.hpp"
#include "vault/secrets.hpp"

namespace keyfob::engine {
namespace {

bool good_name(std::string_view name) {
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !name.empty() && name.size() <= limits::kName && std::ranges::all_of(name, ok);
}

Result<void> check_name(std::string_view name) {
  if (good_name(name)) return {};
  return fail(ErrorCode::invalid_argument, "name: must be 1 to 64 letters, digits, '-', '_' or '.'");
}

/// https anywhere, plain http on this machine only: a webhook says where a car is.
Result<void> check_webhook_url(const std::string& url) {
  if (url.empty()) return {};
  const auto parts = split_url(url);
  if (!parts || url.size() > limits::kUrl || !(parts->tls || parts->loopback())) {
    return fail(ErrorCode::invalid_argument, "webhook_url: must be an https URL, or http on this machine");
  }
  return {};
}

const SealedSecret* sealed_of(const ApplicationRecord& record, SecretPurpose purpose) {
  const auto it = std::ranges::find(record.secrets, purpose, &SealedSecret::purpose);
  return it == record.secrets.end() ? nullptr : &*it;
}

void put_sealed(ApplicationRecord& record, SealedSecret secret) {
  std::erase_if(record.secrets, [&](const SealedSecret& s) { return s.purpose == secret.purpose; });
  record.secrets.push_back(std::move(secret));
}

}  // namespace

bool ApplicationView::has_secret(SecretPurpose purpose) const { return sealed_of(record, purpose) != nullptr; }

bool ApplicationView::has_v3_credentials() const {
  return !record.app.v3_client_id.empty() && has_secret(SecretPurpose::v3_client_secret);
}

std::shared_ptr<const ApplicationView> DirectorySnapshot::find(const AppId& app) const {
  const auto it = applications.find(app);
  return it == applications.end() ? nullptr : it->second;
}

std::shared_ptr<const ApplicationView> DirectorySnapshot::find_by_name(std::string_view name) const {
  for (const auto& [id, view] : applications) {
    if (view->app().name == name) return view;
  }
  return nullptr;
}

Directory::Directory(DirectoryPorts ports, Profiles profiles)
    : ports_(std::move(ports)),
      profiles_(std::move(profiles)),
      key_use_(ports_.rotation.holders, ports_.spool, ports_.node, ports_.clock) {
  // Not from 0: threads remember a keyring by address and revision, and another directory may have been at this
  // address.
  std::array<std::uint8_t, 6> first{};
  ports_.random.fill(first);
  for (const std::uint8_t byte : first) revision_ = revision_ * 256 + byte;
  auto empty = std::make_shared<DirectorySnapshot>();
  empty->keyring = vault::Keyring::empty();
  snapshot_.store(std::move(empty));
}

// --- reading ---

Task<Result<void>> Directory::load_now() {
  Result<std::vector<ApplicationRecord>> applications = co_await ports_.applications.applications();
  if (!applications) co_return fail(applications.error());
  Result<std::vector<CallerRecord>> callers = co_await ports_.callers.callers();
  if (!callers) co_return fail(callers.error());
  Result<std::vector<WrappedDataKey>> keys = co_await covered_data_keys();
  if (!keys) co_return fail(keys.error());
  auto next = std::make_shared<DirectorySnapshot>();
  for (const WrappedDataKey& key : *keys) {
    if (!key.primary) next->older_keys.insert(key.app);
  }
  auto keyring = co_await unwrap_keys(std::move(*keys));
  if (!keyring) co_return fail(keyring.error());
  next->keyring = std::move(*keyring);
  next->callers = std::move(*callers);
  for (ApplicationRecord& record : *applications) {
    const auto profile = profiles_.find(record.app.provider);
    if (profile == profiles_.end()) {
      co_return fail(
          ErrorCode::invalid_argument,
          "application " + record.app.name + " uses provider " + record.app.provider + ", which is not configured",
          "add [providers." + record.app.provider + "] to keyfob.toml");
    }
    auto view = std::make_shared<ApplicationView>();
    view->record = std::move(record);
    view->profile = profile->second;
    const AppId id = view->app().id;
    next->applications.emplace(id, std::move(view));
  }
  publish(std::move(next));
  co_return Result<void>();
}

void Directory::publish(std::shared_ptr<DirectorySnapshot> next) {
  next->revision = revision_.load() + 1;
  snapshot_.store(std::move(next));
  revision_.fetch_add(1, std::memory_order_release);
}

const DirectorySnapshot& Directory::snapshot_of_this_thread() const {
  thread_local std::uint64_t instance = 0;
  thread_local std::uint64_t revision = 0;
  thread_local std::shared_ptr<const DirectorySnapshot> seen;
  const std::uint64_t present = this->revision();
  if (instance != instance_ || revision != present) {
    seen = snapshot();
    instance = instance_;
    revision = present;
  }
  return *seen;
}

Result<ClientSecret> Directory::client_secret(const ApplicationView& app, SecretPurpose purpose) const {
  const SealedSecret* sealed = sealed_of(app.record, purpose);
  if (sealed == nullptr)
    return fail(ErrorCode::not_found, "application " + app.app().name + " has no " + std::string(to_string(purpose)));
  return vault::open_client_secret(*snapshot_.load()->keyring, {app.app().id, purpose}, sealed->sealed);
}

Result<ManagementToken> Directory::management_token(const ApplicationView& app, SecretPurpose purpose) const {
  const SealedSecret* sealed = sealed_of(app.record, purpose);
  if (sealed == nullptr)
    return fail(ErrorCode::not_found, "application " + app.app().name + " has no " + std::string(to_string(purpose)));
  return vault::open_management_token(*snapshot_.load()->keyring, {app.app().id, purpose}, sealed->sealed);
}

Result<Secret> Directory::webhook_secret(const ApplicationView& app) const {
  constexpr SecretPurpose kPurpose = SecretPurpose::webhook_secret;
  const SealedSecret* sealed = sealed_of(app.record, kPurpose);
  if (sealed == nullptr) return fail(ErrorCode::not_found, "application " + app.app().name + " has no webhook_secret");
  return vault::open_webhook_secret(*snapshot_.load()->keyring, {app.app().id, kPurpose}, sealed->sealed);
}

// --- changing applications ---

template <class Token>
Result<void> Directory::seal_into(ApplicationRecord& record, SecretPurpose purpose, const Token& secret) {
  vault::Nonce nonce{};
  ports_.random.fill(nonce);
  auto sealed = vault::seal_secret(*snapshot_.load()->keyring, {record.app.id, purpose}, secret, nonce);
  if (!sealed) return fail(sealed.error());
  put_sealed(record, {purpose, std::move(*sealed), ports_.clock.wall()});
  return {};
}

/// A new secret; the one before stays as second choice for a while.
Result<void> Directory::replace_client_secret(ApplicationRecord& record, const ClientSecret& secret) {
  if (const SealedSecret* old = sealed_of(record, SecretPurpose::client_secret)) {
    auto opened = vault::open_client_secret(*snapshot_.load()->keyring, {record.app.id, old->purpose}, old->sealed);
    if (!opened) return fail(opened.error());
    if (auto kept = seal_into(record, SecretPurpose::previous_client_secret, *opened); !kept) return kept;
  }
  return seal_into(record, SecretPurpose::client_secret, secret);
}

Result<void> Directory::replace_management_token(ApplicationRecord& record, const ManagementToken& token) {
  if (const SealedSecret* old = sealed_of(record, SecretPurpose::management_token)) {
    auto opened = vault::open_management_token(*snapshot_.load()->keyring, {record.app.id, old->purpose}, old->sealed);
    if (!opened) return fail(opened.error());
    if (auto kept = seal_into(record, SecretPurpose::previous_management_token, *opened); !kept) return kept;
  }
  return seal_into(record, SecretPurpose::management_token, token);
}

Result<void> Directory::apply_fields(Application& app, const ApplicationEdit& edit) const {
  if (edit.provider) {
    if (!profiles_.contains(*edit.provider)) {
      return fail(ErrorCode::invalid_argument, "provider: there is none named " + *edit.provider,
                  "keyfob provider list shows them");
    }
    app.provider = *edit.provider;
  }
  if (edit.client_id) app.client_id = *edit.client_id;
  if (edit.v3_client_id) app.v3_client_id = *edit.v3_client_id;
  if (edit.mode) app.mode = *edit.mode;
  if (edit.redirect_uri) app.redirect_uri = *edit.redirect_uri;
  if (edit.scopes) app.scopes = *edit.scopes;
  if (edit.return_to) app.return_to = *edit.return_to;
  if (edit.webhook_url) app.webhook_url = *edit.webhook_url;
  if (auto fits = check_webhook_url(app.webhook_url); !fits) return fits;
  if (app.client_id.empty() || app.client_id.size() > limits::kClientId) {
    return fail(ErrorCode::invalid_argument, "client_id: must be 1 to 256 characters");
  }
  return {};
}

Result<void> Directory::apply(ApplicationRecord& record, const ApplicationEdit& edit) {
  if (auto done = apply_fields(record.app, edit); !done) return done;
  if (edit.client_secret) {
    if (auto done = replace_client_secret(record, *edit.client_secret); !done) return done;
  }
  if (edit.management_token) {
    if (auto done = replace_management_token(record, *edit.management_token); !done) return done;
  }
  if (edit.v3_client_secret) {
    if (auto done = seal_into(record, SecretPurpose::v3_client_secret, *edit.v3_client_secret); !done) return done;
  }
  if (edit.webhook_secret) {
    if (auto done = seal_into(record, SecretPurpose::webhook_secret, *edit.webhook_secret); !done) return done;
  }
  const bool is_signed = sealed_of(record, SecretPurpose::webhook_secret) != nullptr;
  if (!record.app.webhook_url.empty() && !is_signed) {
    return fail(ErrorCode::invalid_argument, "webhook_url: needs a webhook_secret, what is passed on is signed",
                "keyfob app set NAME --webhook-url URL --webhook-secret @FILE");
  }
  return {};
}

Task<Result<Application>> Directory::add_application(std::string name, ApplicationEdit edit) {
  if (auto named = check_name(name); !named) co_return fail(named.error());
  if (snapshot()->find_by_name(name)) {
    co_return fail(ErrorCode::conflict, "an application named " + name + " exists",
                   "keyfob app set " + name + " changes it");
  }
  if (!edit.client_secret || edit.client_secret->empty()) {
    co_return fail(ErrorCode::invalid_argument, "client_secret: an application needs one");
  }
  if (!edit.provider) edit.provider = "smartcar";
  ApplicationRecord record;
  record.app.id = AppId(random_id(ports_.random, 10));
  record.app.name = name;
  record.app.created_at = record.app.updated_at = ports_.clock.wall();
  // What can be refused is refused before there is a data key.
  if (auto fits = apply_fields(record.app, edit); !fits) co_return fail(fits.error());
  const AppId id = record.app.id;
  Result<WrappedDataKey> key = co_await make_data_key(id, DataKeyId(1));
  if (!key) co_return fail(key.error());
  std::vector<WrappedDataKey> keys;
  keys.push_back(std::move(*key));
  const Result<void> stored = co_await ports_.data_keys.put_data_keys(std::move(keys));
  if (!stored) co_return fail(stored.error());
  const Result<void> loaded = co_await load();
  if (!loaded) co_return fail(loaded.error());
  const KeyHold held = hold_key(id);
  if (auto applied = apply(record, edit); !applied) {
    const Result<void> undone = co_await ports_.applications.remove_application(id);
    if (!undone) co_return fail(undone.error());
    co_return fail(applied.error());
  }
  co_return co_await store(std::move(record));
}

Task<Result<Application>> Directory::set_application(AppId app, ApplicationEdit edit) {
  const auto view = snapshot()->find(app);
  if (!view) co_return fail(ErrorCode::not_found, "no such application");
  ApplicationRecord record = view->record;
  record.app.revision += 1;
  record.app.updated_at = ports_.clock.wall();
  const KeyHold held = hold_key(app);
  if (auto applied = apply(record, edit); !applied) co_return fail(applied.error());
  co_return co_await store(std::move(record));
}

Task<Result<Application>> Directory::store(ApplicationRecord record) {
  const Application app = record.app;
  const Result<void> put = co_await ports_.applications.put_application(std::move(record));
  if (!put) co_return fail(put.error());
  const Result<void> loaded = co_await load();
  if (!loaded) co_return fail(loaded.error());
  co_return app;
}

Task<Result<void>> Directory::remove_application(AppId app) {
  const Result<void> removed = co_await ports_.applications.remove_application(std::move(app));
  if (!removed) co_return fail(removed.error());
  co_return co_await load();
}

}  // namespace keyfob::engine
