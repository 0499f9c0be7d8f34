#include "engine/key_aware_store.hpp"

#include <algorithm>

#include "vault/reseal.hpp"

namespace keyfob::engine {

bool KeyAwareStore::knows(const AppId& app, const std::vector<DataKeyId>& keys) const {
  const vault::KeyringPtr keyring = directory_.snapshot()->keyring;
  return std::ranges::all_of(keys, [&](DataKeyId key) { return keyring->find(app, key) != nullptr; });
}

bool KeyAwareStore::knows(const GrantRecord& record) const {
  return knows(record.grant.app, vault::data_keys_of(record));
}

bool KeyAwareStore::knows(const std::vector<GrantRecord>& records) const {
  return std::ranges::all_of(records, [&](const GrantRecord& record) { return knows(record); });
}

Task<Result<GrantRecord>> KeyAwareStore::load(GrantRef ref) {
  Result<GrantRecord> record = co_await ports_.reader.load(std::move(ref));
  if (record && !knows(*record)) co_await learn();
  co_return record;
}

Task<Result<std::vector<GrantRecord>>> KeyAwareStore::find(AppId app, GrantSelector selector) {
  Result<std::vector<GrantRecord>> found = co_await ports_.reader.find(std::move(app), std::move(selector));
  if (found && !knows(*found)) co_await learn();
  co_return found;
}

Task<Result<std::vector<std::vector<GrantRecord>>>> KeyAwareStore::find_owners(AppId app, std::vector<UserId> users) {
  using Found = std::vector<std::vector<GrantRecord>>;
  if (ports_.owners != nullptr) {
    Result<Found> found = co_await ports_.owners->find_owners(std::move(app), std::move(users));
    if (found && !std::ranges::all_of(*found, [this](const auto& some) { return knows(some); })) co_await learn();
    co_return found;
  }
  Found all;
  for (UserId& user : users) {
    GrantSelector selector;
    selector.user = std::move(user);
    auto found = co_await find(app, std::move(selector));
    if (!found) co_return fail(found.error());
    all.push_back(std::move(*found));
  }
  co_return all;
}

Task<Result<GrantPage>> KeyAwareStore::list(GrantFilter filter) {
  Result<GrantPage> page = co_await ports_.reader.list(std::move(filter));
  if (page && !knows(page->grants)) co_await learn();
  co_return page;
}

Task<Result<BeginOutcome>> KeyAwareStore::begin(BeginRequest request) {
  Result<BeginOutcome> outcome = co_await ports_.refreshes.begin(std::move(request));
  const Begun* begun = outcome ? std::get_if<Begun>(&*outcome) : nullptr;
  if (begun != nullptr && !knows(begun->record)) co_await learn();
  co_return outcome;
}

Task<Result<CommitOutcome>> KeyAwareStore::commit(CommitRequest request) {
  Result<CommitOutcome> outcome = co_await ports_.refreshes.commit(std::move(request));
  const Moved* moved = outcome ? std::get_if<Moved>(&*outcome) : nullptr;
  if (moved != nullptr && !knows(moved->record)) co_await learn();
  co_return outcome;
}

Task<Result<UpdateOutcome>> KeyAwareStore::update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) {
  Result<UpdateOutcome> outcome = co_await ports_.refreshes.update(std::move(ref), at, std::move(change), now);
  const Updated* updated = outcome ? std::get_if<Updated>(&*outcome) : nullptr;
  if (updated != nullptr && !knows(updated->record)) co_await learn();
  co_return outcome;
}

Task<Result<std::vector<KeptPair>>> KeyAwareStore::late(GrantRef ref, Epoch epoch) {
  Result<std::vector<KeptPair>> pairs = co_await ports_.late_pairs.late(std::move(ref), epoch);
  const auto known = [&](const KeptPair& pair) { return knows(pair.app, vault::data_keys_of(pair.sealed)); };
  if (pairs && !std::ranges::all_of(*pairs, known)) co_await learn();
  co_return pairs;
}

}  // namespace keyfob::engine
