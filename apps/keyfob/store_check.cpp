#include "apps/keyfob/store_check.hpp"

#include <limits>
#include <memory>
#include <utility>

#include "apps/keyfob/event_thread.hpp"
#include "apps/keyfob/open_ports.hpp"
#include "vault/association.hpp"
#include "vault/data_key.hpp"
#include "vault/keyring.hpp"
#include "vault/pair.hpp"
#include "vault/secrets.hpp"

namespace keyfob::node {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::size_t kMostNamed = 100;

class StoreCheck {
 public:
  explicit StoreCheck(const CheckProgress& progress) : progress_(progress) {}
  Result<void> open(const std::string& path, const config::KeysConfig& keys);
  Result<StoreContents> run() { return thread_.wait_for(check()); }

 private:
  Task<Result<StoreContents>> check();
  Task<Result<void>> unwrap_keys();
  Task<Result<void>> check_applications();
  Task<Result<void>> check_grants();
  Task<Result<void>> check_late_pairs();
  Result<void> check_secret(const AppId& app, const SealedSecret& secret) const;
  Result<void> check_kept(const KeptPair& kept) const;
  KeyProvider* master_named(const std::string& fingerprint) const;
  void note(const Result<void>& opened, const std::string& what);

  CheckProgress progress_;
  EventThread thread_;
  std::vector<std::unique_ptr<KeyProvider>> masters_;
  std::unique_ptr<Store> store_;
  std::vector<WrappedDataKey> wrapped_;
  vault::KeyringPtr keyring_ = vault::Keyring::empty();
  StoreContents found_;
};

Result<void> StoreCheck::open(const std::string& path, const config::KeysConfig& keys) {
  std::vector<std::string> references{keys.master};
  references.insert(references.end(), keys.also.begin(), keys.also.end());
  for (const auto& reference : references) {
    auto master = open_master_key(reference);
    if (!master) return fail(master.error());
    masters_.push_back(std::move(*master));
  }
  config::StoreConfig store;
  store.url = "sqlite:" + path;
  auto opened = open_store(store, false);
  if (!opened) return fail(opened.error());
  store_ = std::move(*opened);
  return {};
}

void StoreCheck::note(const Result<void>& opened, const std::string& what) {
  if (opened) return;
  ++found_.damaged_count;
  if (found_.damaged.size() < kMostNamed) found_.damaged.push_back(what + ": " + opened.error().what);
}

KeyProvider* StoreCheck::master_named(const std::string& fingerprint) const {
  for (const auto& master : masters_)
    if (master->fingerprint() == fingerprint) return master.get();
  return nullptr;
}

Task<Result<void>> StoreCheck::unwrap_keys() {
  auto wrapped = co_await store_->data_keys();
  if (!wrapped) co_return fail(wrapped.error());
  wrapped_ = std::move(*wrapped);
  std::vector<vault::KeyMaterial> material;
  for (const WrappedDataKey& key : wrapped_) {
    KeyProvider* const master = master_named(key.master);
    if (master == nullptr) {
      co_return fail(ErrorCode::damaged,
                     "the store's data keys are wrapped by master key " + key.master + ", which is not at hand",
                     "[keys] master must name the key that this store was made with");
    }
    Bytes context = vault::wrap_context(key.app, key.id);
    Bytes bytes = key.wrapped;
    auto raw = co_await master->unwrap(std::move(bytes), std::move(context));
    if (!raw) co_return fail(raw.error());
    material.push_back({key.app, key.id, key.primary, std::move(*raw)});
  }
  auto keyring = keyring_->with(material);
  if (!keyring) co_return fail(keyring.error());
  keyring_ = std::move(*keyring);
  co_return Result<void>();
}

Result<void> StoreCheck::check_secret(const AppId& app, const SealedSecret& secret) const {
  const vault::SecretBinding binding{app, secret.purpose};
  if (secret.purpose == SecretPurpose::webhook_secret) {
    const auto opened = vault::open_webhook_secret(*keyring_, binding, secret.sealed);
    return opened ? Result<void>() : fail(opened.error());
  }
  const bool management =
      secret.purpose == SecretPurpose::management_token || secret.purpose == SecretPurpose::previous_management_token;
  if (management) {
    const auto opened = vault::open_management_token(*keyring_, binding, secret.sealed);
    return opened ? Result<void>() : fail(opened.error());
  }
  const auto opened = vault::open_client_secret(*keyring_, binding, secret.sealed);
  return opened ? Result<void>() : fail(opened.error());
}

Task<Result<void>> StoreCheck::check_applications() {
  auto applications = co_await store_->applications();
  if (!applications) co_return fail(applications.error());
  found_.applications = applications->size();
  for (const auto& record : *applications) {
    for (const auto& secret : record.secrets) {
      ++found_.secrets;
      note(check_secret(record.app.id, secret),
           std::string(to_string(secret.purpose)) + " of application " + record.app.name);
    }
  }
  co_return Result<void>();
}

Task<Result<void>> StoreCheck::check_grants() {
  GrantFilter filter;
  filter.limit = kPage;
  do {
    GrantFilter page_filter = filter;
    auto page = co_await store_->list(std::move(page_filter));
    if (!page) co_return fail(page.error());
    for (const auto& record : page->grants) {
      ++found_.grants;
      note(vault::verify_record(*keyring_, record), "grant " + record.grant.id.str());
    }
    filter.cursor = page->next_cursor;
    if (progress_ && !progress_(found_.grants)) co_return fail(ErrorCode::cancelled, "the check was interrupted");
  } while (!filter.cursor.empty());
  co_return Result<void>();
}

Result<void> StoreCheck::check_kept(const KeptPair& kept) const {
  const vault::PairBinding binding{kept.app, kept.grant.view(), {kept.at.generation.next(), kept.at.epoch}};
  const auto access = vault::open_access(*keyring_, binding, kept.sealed.access);
  if (!access) return fail(access.error());
  const auto refresh = vault::open_refresh(*keyring_, binding, kept.sealed.refresh);
  return refresh ? Result<void>() : fail(refresh.error());
}

Task<Result<void>> StoreCheck::check_late_pairs() {
  for (const WrappedDataKey& key : wrapped_) {
    DataKeyRef under{key.app, key.id};
    auto pairs = co_await store_->late_under(std::move(under), std::numeric_limits<std::int32_t>::max());
    if (!pairs) co_return fail(pairs.error());
    for (const auto& kept : *pairs) {
      ++found_.late_pairs;
      note(check_kept(kept), "a late pair of grant " + kept.grant.str());
    }
  }
  co_return Result<void>();
}

Task<Result<StoreContents>> StoreCheck::check() {
  if (auto done = co_await unwrap_keys(); !done) co_return fail(done.error());
  if (auto done = co_await check_applications(); !done) co_return fail(done.error());
  if (auto done = co_await check_grants(); !done) co_return fail(done.error());
  if (auto done = co_await check_late_pairs(); !done) co_return fail(done.error());
  co_return found_;
}

}  // namespace

Result<StoreContents> check_store(const std::string& sqlite_path, const config::KeysConfig& keys,
                                  const CheckProgress& progress) {
  StoreCheck check(progress);
  if (auto opened = check.open(sqlite_path, keys); !opened) return fail(opened.error());
  return check.run();
}

}  // namespace keyfob::node
