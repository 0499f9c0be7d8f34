#pragma once
// KeyUse: which data keys this node may still seal with, or has pairs of in its spool. It says so in the store before
// it seals, so that no data key is retired under a pair that is on its way. Engine executor only.

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/result.hpp"
#include "ports/clock.hpp"
#include "ports/key_rotation.hpp"
#include "ports/spool.hpp"

namespace keyfob::engine {

/// While it lives, the data key that was its application's primary when it was made, and every newer one, counts as in
/// use. May outlive the KeyUse that made it.
class KeyHold {
 public:
  KeyHold() = default;
  KeyHold(KeyHold&& other) noexcept = default;
  KeyHold& operator=(KeyHold&& other) noexcept;
  KeyHold(const KeyHold&) = delete;
  KeyHold& operator=(const KeyHold&) = delete;
  ~KeyHold() { release(); }

 private:
  friend class KeyUse;
  using Counts = std::map<DataKeyRef, std::size_t>;
  KeyHold(std::shared_ptr<Counts> counts, DataKeyRef key);
  void release();
  std::shared_ptr<Counts> counts_;
  DataKeyRef key_;
};

/// cover() and settle() one at a time.
class KeyUse {
 public:
  /// `store` null: one that cannot be told; then every data key counts as held for ever. `spool` null: there is none.
  KeyUse(DataKeyHolders* store, const Spool* spool, NodeId node, Clock& clock);

  [[nodiscard]] KeyHold hold(DataKeyRef primary);

  /// True: the store knows that this node may use all of these.
  [[nodiscard]] bool covers(const std::vector<DataKeyRef>& keys) const;
  /// Makes it so, forgetting nothing that was said before by this process. The first call takes over what an earlier
  /// process of this node left in its spool.
  Task<Result<void>> cover(std::vector<DataKeyRef> keys);
  /// Lets go of what is needed no longer: neither among `known` keys from a hold's or a primary on, nor in the spool.
  Task<Result<void>> settle(std::vector<DataKeyRef> primaries, std::vector<DataKeyRef> known);

 private:
  [[nodiscard]] std::set<DataKeyRef> spooled() const;
  Task<Result<void>> tell(std::set<DataKeyRef> keys);
  Task<Result<void>> read_own();

  DataKeyHolders* store_;
  const Spool* spool_;
  NodeId node_;
  Clock& clock_;
  std::shared_ptr<KeyHold::Counts> holds_ = std::make_shared<KeyHold::Counts>();
  std::set<DataKeyRef> told_;
  bool read_ = false;
};

}  // namespace keyfob::engine
