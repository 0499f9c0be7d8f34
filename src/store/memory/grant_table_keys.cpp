// GrantTable: sealed bytes move to another data key.
#include <algorithm>

#include "store/memory/grant_table.hpp"

namespace keyfob {

bool GrantTable::reseal(const ResealedGrant& grant) {
  Row* row = row_of(grant.ref);
  if (row == nullptr || row->lease || row->record.grant.version != grant.at) return false;
  const SealedParts present{row->record.sealed, row->record.association_mac};
  if (present != grant.was) return false;
  row->record.sealed = grant.now.pair;
  row->record.association_mac = grant.now.association_mac;
  return true;
}

std::vector<KeptPair> GrantTable::late_under(const DataKeyRef& key, std::size_t limit) const {
  std::vector<KeptPair> found;
  for (auto it = rows_.lower_bound({key.app.str(), ""}); it != rows_.end() && it->first.first == key.app.view(); ++it) {
    for (const KeptPair& pair : it->second.late) {
      if (pair.data_key == key.id && found.size() < limit) found.push_back(pair);
    }
  }
  return found;
}

bool GrantTable::replace_late(const KeptPair& old, const KeptPair& fresh) {
  Row* row = row_of({old.app, old.grant});
  if (row == nullptr) return false;
  const auto same = [&](const KeptPair& pair) { return pair.at == old.at && pair.sealed == old.sealed; };
  const auto it = std::ranges::find_if(row->late, same);
  if (it == row->late.end()) return false;
  it->sealed = fresh.sealed;
  it->data_key = fresh.data_key;
  return true;
}

}  // namespace keyfob
