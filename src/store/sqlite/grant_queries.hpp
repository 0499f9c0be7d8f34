#pragma once
// What SqliteStore does to grants, as plain functions on a connection. Reads run on any connection; writes run inside
// the writer's transaction and may be run again after a rollback. A failure is left in the connection; the answer is
// then meaningless.

#include <string>
#include <vector>

#include "ports/associations.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/store_clock.hpp"

namespace keyfob::sqlite {

Result<GrantRecord> load(Connection& connection, const GrantRef& ref, StoreTime now);
Result<std::vector<GrantRecord>> find(Connection& connection, const AppId& app, const GrantSelector& selector,
                                      StoreTime now);
Result<GrantPage> list(Connection& connection, const GrantFilter& filter, StoreTime now);

Result<BeginOutcome> begin(Connection& connection, const BeginRequest& request, StoreTime now);
Result<CommitOutcome> commit(Connection& connection, const CommitRequest& request, StoreTime now);
struct UpdateRequest {
  GrantRef ref;
  GrantVersion at;
  GrantChange change;
  WallTime wall;
};
Result<UpdateOutcome> update(Connection& connection, const UpdateRequest& request, StoreTime now);

Result<void> put(Connection& connection, const PutRequest& request);
Result<UpdateOutcome> reassociate(Connection& connection, const Reassociation& request, StoreTime now);
Result<void> remove(Connection& connection, const GrantRef& ref);

Result<void> keep_late(Connection& connection, const KeptPair& pair);
Result<std::vector<KeptPair>> late(Connection& connection, const GrantRef& ref, Epoch epoch);
Result<void> drop_late(Connection& connection, const KeptPair& pair);

struct Claim {
  std::vector<DueShare> shares;
  WallTime wall;
  Milliseconds hold;
};
Result<std::vector<GrantRecord>> claim_due(Connection& connection, const Claim& claim, StoreTime now);
Result<DueOutlook> outlook(Connection& connection, const AppId& app, WallTime wall, std::size_t count_at_most);
Result<std::vector<GrantRecord>> abandoned(Connection& connection, const NodeIdentity& node, std::size_t limit,
                                           StoreTime now);

Result<RefreshHealth> health(Connection& connection, const GrantRef& asking, WallTime since);
Result<std::size_t> reopen_refused(Connection& connection, const AppId& app, WallTime since, WallTime due_at);

/// Counts one committed rotation.
void count_success(Connection& connection, const CommitRequest& request);

}  // namespace keyfob::sqlite
