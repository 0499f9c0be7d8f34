#pragma once
// AssociationStore and OwnerLookup: what moving in and out needs of a store beyond grant_store.hpp: many owners looked
// up at once, and a grant told whose it is, or which vehicles it has lost, while its pair stays as it is. Same rules as
// grant_store.hpp.

#include <vector>

#include "base/result.hpp"
#include "core/grant.hpp"
#include "ports/async.hpp"
#include "ports/grant_store.hpp"

namespace keyfob {

class OwnerLookup {
 public:
  virtual ~OwnerLookup() = default;
  /// For each user what GrantReader::find answers, in the order of `users`.
  virtual Task<Result<std::vector<std::vector<GrantRecord>>>> find_owners(AppId app, std::vector<UserId> users) = 0;
};

/// Whose a grant is from now on. Never for a single-select grant's vehicle: that is part of what it is.
struct Reassociation {
  GrantRef ref;
  GrantVersion at;
  ProviderUserId provider_user{};
  std::vector<VehicleId> vehicles{};  ///< those that stay: a part of what the grant has
  Bytes association_mac{};
  WallTime now{};  ///< becomes updated_at
};

class AssociationStore {
 public:
  virtual ~AssociationStore() = default;
  /// WHERE version is `at`: provider user, vehicles and MAC; the tokens, the version and an attempt under way stay.
  /// conflict: another grant is of this user and account already.
  virtual Task<Result<UpdateOutcome>> reassociate(Reassociation request) = 0;
};

}  // namespace keyfob
