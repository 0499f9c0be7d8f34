#pragma once
// RowMirror: somebody else's store, to which a store of ours passes on every row that changes, before it says that the
// change took effect. What is passed on is all there is to keep: a store is made anew from it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace keyfob {

/// Keys are unique and stable; what is in a row is the business of the store that wrote it. Tokens in it are sealed.
struct MirrorWrite {
  std::string key;
  std::optional<std::string> value{};  ///< empty: the row is gone
};
struct MirrorBatch {
  std::uint64_t number = 0;  ///< 1, 2, 3 ...
  std::vector<MirrorWrite> writes{};
};
struct MirroredRows {
  std::uint64_t number = 0;  ///< of the last batch; 0: there was none
  std::map<std::string, std::string> rows{};
};

/// One thread at a time, not always the same; may block.
class RowMirror {
 public:
  virtual ~RowMirror() = default;
  virtual Result<MirroredRows> load() = 0;
  /// All of it or nothing, durable. unavailable: nothing happened, nor will. conflict: the last batch was not the one
  /// before. Any other failure: whether it happened is not known.
  virtual Result<void> apply(const MirrorBatch& batch) = 0;
};

}  // namespace keyfob
