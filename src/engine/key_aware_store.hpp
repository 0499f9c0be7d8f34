#pragma once
// KeyAwareStore: the store's reads and refresh writes, where a record that names a data key unknown to this node makes
// it look for new data keys before anybody tries to open the record. Another node may have rotated a moment ago.
// Engine executor only; errors, cancellation and everything else are the store's own.

#include <vector>

#include "engine/directory.hpp"
#include "ports/associations.hpp"
#include "ports/grant_store.hpp"

namespace keyfob::engine {

class KeyAwareStore final : public GrantReader, public RefreshStore, public LatePairs, public OwnerLookup {
 public:
  struct Ports {
    GrantReader& reader;
    RefreshStore& refreshes;
    LatePairs& late_pairs;
    OwnerLookup* owners = nullptr;  ///< null: owners are looked up one by one
  };
  KeyAwareStore(Ports ports, Directory& directory) : ports_(ports), directory_(directory) {}

  Task<Result<GrantRecord>> load(GrantRef ref) override;
  Task<Result<std::vector<GrantRecord>>> find(AppId app, GrantSelector selector) override;
  Task<Result<GrantPage>> list(GrantFilter filter) override;
  Task<Result<std::vector<std::vector<GrantRecord>>>> find_owners(AppId app, std::vector<UserId> users) override;

  Task<Result<BeginOutcome>> begin(BeginRequest request) override;
  Task<Result<CommitOutcome>> commit(CommitRequest request) override;
  Task<Result<UpdateOutcome>> update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) override;

  Task<Result<void>> keep_late(KeptPair pair) override { return ports_.late_pairs.keep_late(std::move(pair)); }
  Task<Result<std::vector<KeptPair>>> late(GrantRef ref, Epoch epoch) override;
  Task<Result<void>> drop_late(KeptPair pair) override { return ports_.late_pairs.drop_late(std::move(pair)); }

  /// Whether this node knows every data key that the record names.
  [[nodiscard]] bool knows(const GrantRecord& record) const;
  /// For records that came another way.
  Task<void> learn() { return directory_.look_for_new_keys(); }

 private:
  [[nodiscard]] bool knows(const std::vector<GrantRecord>& records) const;
  [[nodiscard]] bool knows(const AppId& app, const std::vector<DataKeyId>& keys) const;

  Ports ports_;
  Directory& directory_;
};

}  // namespace keyfob::engine
