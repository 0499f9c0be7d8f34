#include "testing/sim/shared_store.hpp"

namespace keyfob::simulated {

std::optional<GrantRecord> SharedStore::look(const GrantRef& ref) {
  auto record = run(store_->load(ref));
  if (!record) return std::nullopt;
  return std::move(*record);
}

std::vector<GrantRecord> SharedStore::all() {
  GrantFilter filter;
  filter.limit = 1000;
  auto page = run(store_->list(std::move(filter)));
  if (!page) return {};
  return std::move(page->grants);
}

void SharedStore::fall_back() {
  store_ = std::move(replica_);
  ++failovers_;
}

}  // namespace keyfob::simulated
