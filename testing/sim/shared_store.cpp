#include "testing/sim/shared_store.hpp"

#include <algorithm>
#include <map>

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

/// What an import, a consent or a revocation did is asked for again by whoever did it; no engine can bring it back.
bool SharedStore::same_consents() {
  const auto epochs = [this] {
    std::map<std::string, std::uint64_t> out;
    for (const GrantRecord& record : all()) out[record.grant.id.str()] = record.grant.version.epoch.value();
    return out;
  };
  const auto now = epochs();
  store_.swap(replica_);
  const auto then = epochs();
  store_.swap(replica_);
  return now == then;
}

bool SharedStore::fall_back() {
  ++era_;
  const bool falls = replica_ != nullptr && same_consents();
  if (falls) {
    store_ = std::move(replica_);
    failovers_.push_back(time_.now());
  }
  replica_.reset();
  return falls;
}

bool SharedStore::fell_back(BootTime from, BootTime to) const {
  return std::ranges::any_of(failovers_, [&](BootTime at) { return at >= from && at <= to; });
}

}  // namespace keyfob::simulated
