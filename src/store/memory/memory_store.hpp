#pragma once
// MemoryStore: the reference implementation of every store interface, in memory. It defines what the contract means and
// is the test double of everything above it.
//
// Deterministic; leases are judged by `clock.boot()`. One executor: never called from two threads at a time. Nothing is
// durable. Copies of what it holds are returned, so results outlive it. `clock` must outlive the store.

#include <string>
#include <vector>

#include "ports/app_token_store.hpp"
#include "ports/associations.hpp"
#include "ports/audit.hpp"
#include "ports/clock.hpp"
#include "ports/directory_store.hpp"
#include "ports/grant_store.hpp"
#include "ports/key_rotation.hpp"
#include "ports/outbox.hpp"
#include "store/memory/audit_table.hpp"
#include "store/memory/directory.hpp"
#include "store/memory/grant_table.hpp"

namespace keyfob {

class MemoryStore final : public GrantReader,
                          public RefreshStore,
                          public GrantWriter,
                          public LatePairs,
                          public DueStore,
                          public HealthStore,
                          public ChangeFeed,
                          public ApplicationStore,
                          public CallerStore,
                          public DataKeyStore,
                          public ConsentStore,
                          public ResealStore,
                          public DataKeyChange,
                          public DataKeyHolders,
                          public AuditStore,
                          public OutboxStore,
                          public OwnerLookup,
                          public AssociationStore,
                          public AppTokenStore {
 public:
  explicit MemoryStore(Clock& clock) : clock_(clock) {}

  Task<Result<GrantRecord>> load(GrantRef ref) override;
  Task<Result<std::vector<GrantRecord>>> find(AppId app, GrantSelector selector) override;
  Task<Result<GrantPage>> list(GrantFilter filter) override;

  Task<Result<BeginOutcome>> begin(BeginRequest request) override;
  Task<Result<CommitOutcome>> commit(CommitRequest request) override;
  Task<Result<UpdateOutcome>> update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) override;

  Task<Result<std::vector<Result<void>>>> put(std::vector<PutRequest> requests) override;
  Task<Result<void>> remove(GrantRef ref) override;

  Task<Result<std::vector<std::vector<GrantRecord>>>> find_owners(AppId app, std::vector<UserId> users) override;
  Task<Result<UpdateOutcome>> reassociate(Reassociation request) override;

  Task<Result<void>> keep_late(KeptPair pair) override;
  Task<Result<std::vector<KeptPair>>> late(GrantRef ref, Epoch epoch) override;
  Task<Result<void>> drop_late(KeptPair pair) override;

  Task<Result<std::vector<GrantRecord>>> claim_due(std::vector<DueShare> shares, WallTime now,
                                                   Milliseconds hold) override;
  Task<Result<DueOutlook>> outlook(AppId app, WallTime now, std::size_t count_at_most) override;
  Task<Result<std::vector<GrantRecord>>> abandoned(NodeIdentity node, std::size_t limit) override;

  Task<Result<RefreshHealth>> health(GrantRef asking, WallTime since) override;
  Task<Result<std::size_t>> reopen_refused(AppId app, WallTime since, WallTime due_at) override;

  Task<Result<Changes>> changes_since(std::string cursor) override;

  Task<Result<std::vector<ApplicationRecord>>> applications() override;
  Task<Result<void>> put_application(ApplicationRecord record) override;
  Task<Result<void>> remove_application(AppId app) override;

  Task<Result<std::vector<CallerRecord>>> callers() override;
  Task<Result<void>> put_caller(CallerRecord record) override;

  Task<Result<std::vector<WrappedDataKey>>> data_keys() override;
  Task<Result<void>> put_data_keys(std::vector<WrappedDataKey> keys) override;

  Task<Result<void>> put_consent(ConsentState state) override;
  Task<Result<ConsentState>> take_consent(Bytes state_hash, WallTime now) override;

  Task<Result<std::size_t>> reseal(std::vector<ResealedGrant> grants) override;
  Task<Result<std::vector<KeptPair>>> late_under(DataKeyRef key, std::size_t limit) override;
  Task<Result<bool>> replace_late(KeptPair old, KeptPair fresh) override;
  Task<Result<bool>> consents_under(AppId app, Bytes header, WallTime now) override;

  Task<Result<void>> change_data_keys(AppId app, std::vector<WrappedDataKey> before,
                                      std::vector<WrappedDataKey> after) override;
  Task<Result<void>> retire_data_key(DataKeyRef key) override;

  Task<Result<void>> hold_data_keys(NodeId node, std::vector<DataKeyRef> keys, WallTime now) override;
  Task<Result<std::vector<DataKeyHolder>>> data_key_holders() override;

  Task<Result<void>> append(std::vector<AuditRecord> records) override;
  Task<Result<AuditPage>> find_audit(AuditQuery query) override;
  Task<Result<std::vector<AuditRecord>>> chain(NodeId node, std::uint64_t after, std::size_t limit) override;
  Task<Result<std::vector<AuditHead>>> heads() override;
  Task<Result<void>> prune(NodeId node, std::uint64_t through) override;

  Task<Result<bool>> tell(std::vector<OutboxRow> rows, std::optional<Mark> mark, WallTime now) override;
  Task<Result<std::vector<ClaimedRow>>> claim_outbox(std::string destination, std::size_t limit,
                                                     Milliseconds hold) override;
  Task<Result<void>> settle_outbox(std::vector<Settled> rows) override;
  Task<Result<std::vector<OutboxDepth>>> outbox_depths() override;

  Task<Result<AppTokenAnswer>> claim_app_token(AppTokenClaim claim) override;
  Task<Result<std::uint64_t>> put_app_token(AppId app, SharedAppToken token) override;
  Task<Result<void>> release_app_token(AppId app) override;

 private:
  Clock& clock_;
  GrantTable grants_;
  Directory directory_;
  AuditTable audit_;
  struct AppToken {
    SharedAppToken token{};
    BootTime claimed_until{};
  };
  std::unordered_map<AppId, AppToken> app_tokens_;
};

}  // namespace keyfob
