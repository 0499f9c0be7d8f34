#pragma once
// Spool: local, preallocated, fsynced slots for pairs that could not be stored yet. A slot is reserved before the wire
// is used, so a full disk cannot lose an answer.

#include <cstdint>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "core/kept_pair.hpp"
#include "ports/async.hpp"

namespace keyfob {

using SpoolSlot = std::uint32_t;

struct SpooledPair {
  SpoolSlot slot = 0;
  KeptPair pair;
};

/// Engine executor only.
class Spool {
 public:
  virtual ~Spool() = default;
  /// limit: every slot is taken. Does no I/O: slots are preallocated when the spool is opened.
  [[nodiscard]] virtual Result<SpoolSlot> reserve() = 0;
  /// Durable when it returns success. The pair replaces what the slot held.
  virtual Task<Result<void>> keep(SpoolSlot slot, KeptPair pair) = 0;
  /// Frees the slot; what it held is erased.
  virtual Task<void> release(SpoolSlot slot) = 0;
  /// What the slots hold, oldest first. Read when the spool was opened, kept up to date since.
  [[nodiscard]] virtual std::vector<SpooledPair> entries() const = 0;
};

}  // namespace keyfob
