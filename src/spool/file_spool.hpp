#pragma once
// FileSpool: the Spool in one preallocated file, <folder>/spool, mode 0600 (docs/spec/spool.md). Its space is written
// when it is made, so a full disk cannot keep an answer from being kept.
//
// Engine executor only, except for the thread that it keeps for writing and syncing. keep() and release() complete on
// the awaiting executor and ignore cancellation; the spool must outlive them. Sealed bytes only: it opens no pair.

#include <memory>
#include <string>
#include <vector>

#include "ports/event_sink.hpp"
#include "ports/spool.hpp"

namespace keyfob {

struct SpoolOptions {
  std::uint32_t slots = 256;  ///< used when the file is made; an existing file keeps its size
  /// Bytes per pair. The default holds two sealed tokens of limits::kToken and a scope of limits::kScope.
  std::uint32_t slot_size = 24 * 1024;
  Metrics* metrics = nullptr;  ///< outlives the spool; null: nobody wants to know
};

class FileSpool final : public Spool {
 public:
  /// unsafe: others can open the file. damaged: its header or size is wrong (it is left alone). conflict: another
  /// process uses it. unavailable: it cannot be made or read.
  static Result<std::unique_ptr<FileSpool>> open(const std::string& folder, SpoolOptions options);
  ~FileSpool() override;

  [[nodiscard]] Result<SpoolSlot> reserve() override;
  /// limit: the pair is larger than a slot. invalid_argument: the slot is not reserved. unavailable: not written; what
  /// the slot held before is still there.
  Task<Result<void>> keep(SpoolSlot slot, KeptPair pair) override;
  Task<void> release(SpoolSlot slot) override;
  [[nodiscard]] std::vector<SpooledPair> entries() const override;

  /// Places of the file (cell numbers) that were torn or damaged when it was opened. They are left as they are and
  /// take up room until discard_damaged().
  [[nodiscard]] std::vector<std::uint32_t> damaged() const;
  /// Erases the damaged places for good. For an operator who has looked at them.
  Task<void> discard_damaged();

 private:
  struct Machinery;
  explicit FileSpool(std::unique_ptr<Machinery> machinery);
  std::unique_ptr<Machinery> machinery_;
};

}  // namespace keyfob
