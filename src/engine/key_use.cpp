#include "engine/key_use.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::engine {

KeyHold::KeyHold(std::shared_ptr<Counts> counts, DataKeyRef key) : counts_(std::move(counts)), key_(std::move(key)) {
  ++(*counts_)[key_];
}

KeyHold& KeyHold::operator=(KeyHold&& other) noexcept {
  std::swap(counts_, other.counts_);
  std::swap(key_, other.key_);
  return *this;
}

void KeyHold::release() {
  if (!counts_) return;
  const auto it = counts_->find(key_);
  if (it != counts_->end() && --it->second == 0) counts_->erase(it);
  counts_.reset();
}

KeyUse::KeyUse(DataKeyHolders* store, const Spool* spool, NodeId node, Clock& clock)
    : store_(store), spool_(spool), node_(std::move(node)), clock_(clock) {}

KeyHold KeyUse::hold(DataKeyRef primary) { return {holds_, std::move(primary)}; }

bool KeyUse::covers(const std::vector<DataKeyRef>& keys) const {
  return store_ == nullptr || std::ranges::all_of(keys, [&](const DataKeyRef& key) { return told_.contains(key); });
}

std::set<DataKeyRef> KeyUse::spooled() const {
  std::set<DataKeyRef> keys;
  if (spool_ == nullptr) return keys;
  for (const SpooledPair& entry : spool_->entries()) keys.insert({entry.pair.app, entry.pair.data_key});
  return keys;
}

/// What an earlier process of this node said still stands in the store: a restart on a full disk needs no write.
Task<Result<void>> KeyUse::read_own() {
  Result<std::vector<DataKeyHolder>> all = co_await store_->data_key_holders();
  if (!all) co_return fail(all.error());
  for (DataKeyHolder& holder : *all) {
    if (holder.node == node_) told_.insert(std::move(holder.key));
  }
  read_ = true;
  co_return Result<void>();
}

Task<Result<void>> KeyUse::tell(std::set<DataKeyRef> keys) {
  std::vector<DataKeyRef> list(keys.begin(), keys.end());
  const Result<void> told = co_await store_->hold_data_keys(node_, std::move(list), clock_.wall());
  if (!told) co_return told;
  told_ = std::move(keys);
  co_return told;
}

Task<Result<void>> KeyUse::cover(std::vector<DataKeyRef> keys) {
  if (store_ == nullptr) co_return Result<void>();
  if (!read_) {
    const Result<void> own = co_await read_own();
    if (!own) co_return own;
  }
  std::set<DataKeyRef> wanted = told_;
  wanted.merge(spooled());
  wanted.insert(keys.begin(), keys.end());
  if (wanted == told_) co_return Result<void>();
  const Result<void> told = co_await tell(std::move(wanted));
  co_return told;
}

Task<Result<void>> KeyUse::settle(std::vector<DataKeyRef> primaries, std::vector<DataKeyRef> known) {
  if (store_ == nullptr || !read_) co_return Result<void>();
  std::set<DataKeyRef> wanted = spooled();
  wanted.insert(primaries.begin(), primaries.end());
  for (const auto& [held, count] : *holds_) {
    for (const DataKeyRef& key : known) {
      if (key.app == held.app && key.id >= held.id) wanted.insert(key);
    }
  }
  // Only letting go is done here: whatever is new is covered where it becomes known.
  std::erase_if(wanted, [&](const DataKeyRef& key) { return !told_.contains(key); });
  if (wanted == told_) co_return Result<void>();
  const Result<void> told = co_await tell(std::move(wanted));
  co_return told;
}

}  // namespace keyfob::engine
