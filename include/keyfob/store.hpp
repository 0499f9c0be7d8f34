#pragma once
/// @file
/// RowStore: your own database behind a Broker. The broker keeps a working copy in its directory and passes on every
/// row that changes before it says that anything took effect; a new process is made from your rows alone.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "keyfob/result.hpp"

namespace keyfob {

/// Tokens and secrets in it are sealed by the master key, which your database never sees. Both are opaque bytes: keys
/// of at most 2 KiB, values of a few KiB. They are not for reading or changing: whatever is changed in a sealed part
/// does not open any more.
struct Row {
  std::string key{};
  std::string value{};
};

struct RowWrite {
  std::string key{};
  std::optional<std::string> value{};  ///< empty: the row is gone
};

/// All writes of one moment: a pair that was stored with the notices about it, or several of those at once.
struct RowBatch {
  std::uint64_t number = 0;  ///< 1, 2, 3 ... over the whole life of the store
  std::vector<RowWrite> writes{};
};

struct StoredRows {
  std::uint64_t last_batch = 0;  ///< 0: nothing was ever written
  std::vector<Row> rows{};
};

/// What you write. Called by one thread at a time, which waits.
///
/// How often: one batch for each refresh, consent, import or claim of background work, and one a minute or so for
/// counts; what happens at once is gathered. A refresh has three: begun, stored, put on record.
class RowStore {
 public:
  virtual ~RowStore() = default;
  /// Everything that is there. Called once, by Broker::open().
  [[nodiscard]] virtual Expected<StoredRows> load() = 0;
  /// Writes the whole batch and its number, or nothing; durable when it returns. Look at the number in the same
  /// transaction: it must be one more than the last.
  /// unavailable: nothing was written, nor will be: the broker holds what came from the provider on its own disk and
  /// tries again. conflict: the number does not follow, so another process writes, too. Any other failure: not known.
  /// After those two the broker writes nothing more until it is opened anew.
  [[nodiscard]] virtual Expected<void> apply(const RowBatch& batch) = 0;
};

}  // namespace keyfob
