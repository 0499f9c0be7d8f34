#pragma once
// Disk: what one simulated node keeps across a crash: the spool, whose writes take time, so that a crash can come in
// between.

#include <map>
#include <set>

#include "ports/spool.hpp"
#include "testing/sim/stage.hpp"

namespace keyfob::simulated {

class Disk final : public Spool {
 public:
  Disk(Stage& stage, int node, Clock& clock)
      : stage_(stage), node_(node), clock_(clock), slots_(stage.plan.spool_slots) {}

  Result<SpoolSlot> reserve() override;
  Task<Result<void>> keep(SpoolSlot slot, KeptPair pair) override;
  Task<void> release(SpoolSlot slot) override;
  [[nodiscard]] std::vector<SpooledPair> entries() const override;

  /// The process died: reservations are gone, what was written stays.
  void crash() { reserved_.clear(); }
  /// The disk died, too.
  void lose() { kept_.clear(); }

 private:
  Stage& stage_;
  int node_;
  Clock& clock_;
  SpoolSlot slots_;
  std::set<SpoolSlot> reserved_;
  std::map<SpoolSlot, KeptPair> kept_;
};

}  // namespace keyfob::simulated
