#pragma once
// What a store does for key rotation: sealed bytes move to another data key, data keys change as a set, nodes say which
// data keys they still use. Same rules as grant_store.hpp.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/application.hpp"
#include "core/kept_pair.hpp"
#include "ports/async.hpp"
#include "ports/grant_store.hpp"

namespace keyfob {

struct DataKeyRef {
  AppId app;
  DataKeyId id;
  friend auto operator<=>(const DataKeyRef&, const DataKeyRef&) = default;
};

/// Everything that is sealed about a grant.
struct SealedParts {
  SealedPair pair;
  Bytes association_mac;
  friend bool operator==(const SealedParts&, const SealedParts&) = default;
};

/// The same content under another data key.
struct ResealedGrant {
  GrantRef ref;
  GrantVersion at;
  SealedParts was;
  SealedParts now;
};

class ResealStore {
 public:
  virtual ~ResealStore() = default;
  /// Each one whose version is still `at`, whose sealed parts are still `was`, and which has no attempt, becomes `now`;
  /// nothing else about it changes, and no change feed has to list it. One transaction for all; answers how many took.
  virtual Task<Result<std::size_t>> reseal(std::vector<ResealedGrant> grants) = 0;
  /// Late pairs sealed with this data key, at most `limit`.
  virtual Task<Result<std::vector<KeptPair>>> late_under(DataKeyRef key, std::size_t limit) = 0;
  /// `fresh` takes the place of `old` (compared by its sealed bytes) in one transaction. False: `old` is gone.
  virtual Task<Result<bool>> replace_late(KeptPair old, KeptPair fresh) = 0;
  /// Whether a consent of the application that has not expired by `now` keeps a verifier whose bytes begin so.
  virtual Task<Result<bool>> consents_under(AppId app, Bytes header, WallTime now) = 0;
};

class DataKeyChange {
 public:
  virtual ~DataKeyChange() = default;
  /// conflict unless the data keys of `app` (empty: of all applications) are exactly `before`, in whatever order; then
  /// they become `after`. One transaction. invalid_argument: not one primary for each application in `after`.
  virtual Task<Result<void>> change_data_keys(AppId app, std::vector<WrappedDataKey> before,
                                              std::vector<WrappedDataKey> after) = 0;
  /// Destroys a data key. not_found: it is not there. conflict: it is primary, a node holds it, or a late pair names
  /// it. Whether a grant or a secret still names it, the caller has to know.
  virtual Task<Result<void>> retire_data_key(DataKeyRef key) = 0;
};

struct DataKeyHolder {
  NodeId node;
  DataKeyRef key;
  WallTime since{};  ///< when the node said so last
};

/// A node says which data keys it may seal with, or has pairs of in its spool, before it does either. A data key that
/// a node holds is not retired, whatever became of the node.
class DataKeyHolders {
 public:
  virtual ~DataKeyHolders() = default;
  /// Replaces all that this node said before.
  virtual Task<Result<void>> hold_data_keys(NodeId node, std::vector<DataKeyRef> keys, WallTime now) = 0;
  virtual Task<Result<std::vector<DataKeyHolder>>> data_key_holders() = 0;
};

}  // namespace keyfob
