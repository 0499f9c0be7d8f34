#include "engine/spool_retention.hpp"

#include <algorithm>

namespace keyfob::engine {
namespace {

constexpr Milliseconds kLookEvery = seconds(10);
constexpr BootTime kNever = BootTime::min();

}  // namespace

const SpoolRetention::Note* SpoolRetention::noted(const SpooledPair& spooled) const {
  const auto it = notes_.find(spooled.slot);
  if (it == notes_.end()) return nullptr;
  const Note& note = it->second;
  const KeptPair& pair = spooled.pair;
  const bool same = note.grant == pair.grant && note.at == pair.at && note.received_at == pair.received_at;
  return same ? &note : nullptr;
}

bool SpoolRetention::wants_look(const SpooledPair& spooled, BootTime now) const {
  const Note* note = noted(spooled);
  if (note == nullptr || note->looked == kNever) return true;
  return now - note->looked >= std::min(kLookEvery, keep_for_ / 4);
}

bool SpoolRetention::keeps(const SpooledPair& spooled, BootTime now) {
  if (!on()) return false;
  const Note* known = noted(spooled);
  const BootTime since = known == nullptr ? now : known->since;
  if (now - since >= keep_for_) {
    notes_.erase(spooled.slot);
    return false;
  }
  notes_[spooled.slot] = {spooled.pair.grant, spooled.pair.at, spooled.pair.received_at, since, now};
  return true;
}

void SpoolRetention::look_at_all() {
  for (auto& [slot, note] : notes_) note.looked = kNever;
}

}  // namespace keyfob::engine
