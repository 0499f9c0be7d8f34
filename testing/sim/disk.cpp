#include "testing/sim/disk.hpp"

#include <algorithm>

namespace keyfob::simulated {

Result<SpoolSlot> Disk::reserve() {
  for (SpoolSlot slot = 0; slot < slots_; ++slot) {
    if (reserved_.contains(slot) || kept_.contains(slot)) continue;
    reserved_.insert(slot);
    return slot;
  }
  return fail(ErrorCode::limit, "every spool slot is taken");
}

Task<Result<void>> Disk::keep(SpoolSlot slot, KeptPair pair) {
  stage_.milestone(node_, Milestone::spooling);
  if (!reserved_.contains(slot) && !kept_.contains(slot)) stage_.oracle.spool_had_no_place(node_);
  co_await clock_.sleep(stage_.dice.between(Milliseconds(1), Milliseconds(8)));
  if (stage_.trace.on()) stage_.trace.say(node_, "the pair is in the spool");
  stage_.oracle.kept(pair);
  kept_[slot] = std::move(pair);
  stage_.milestone(node_, Milestone::spooled);
  co_return Result<void>();
}

Task<void> Disk::release(SpoolSlot slot) {
  reserved_.erase(slot);
  kept_.erase(slot);
  co_return;
}

std::vector<SpooledPair> Disk::entries() const {
  std::vector<SpooledPair> out;
  for (const auto& [slot, pair] : kept_) out.push_back({slot, pair});
  std::ranges::stable_sort(out, {}, [](const SpooledPair& s) { return s.pair.received_at; });
  return out;
}

}  // namespace keyfob::simulated
