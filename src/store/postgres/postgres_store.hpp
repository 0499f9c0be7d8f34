#pragma once
// PostgresStore: the scale-out store: any number of nodes over one database.
//
// Implements every promise of ports/grant_store.hpp and ports/directory_store.hpp. Any thread may call; answers arrive
// on the awaiting coroutine's executor, which is kept running until then. The database is talked to by threads of the
// store's own, each with one connection: some for reads, some for writes. What has gathered goes in one transaction and
// one round trip. Destruction finishes what was started and joins the threads; do not destroy it on an executor whose
// coroutines still wait for it.
//
// The store's clock is the database's. An outage is `unavailable` at once, never a hang: no call takes longer than
// answer_timeout, connecting aside. A write whose acknowledgement was lost is `timeout`: it may have happened.
// Lost connections, restarts, failovers (all hosts in the URL), deadlocks and serialization failures are tried again as
// far as it is certain that nothing has happened.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ports/change_notices.hpp"
#include "ports/event_sink.hpp"
#include "ports/store.hpp"

namespace keyfob {

struct PostgresOptions {
  /// Make the tables where there are none. Otherwise a database without them is not_found.
  bool create = false;
  unsigned readers = 2;  ///< connections for reads
  unsigned writers = 2;  ///< connections for writes
  /// False behind PgBouncer in transaction mode: no named statements, no session settings.
  bool own_backend = true;
  std::string listen_url{};                  ///< where notifications are heard: not a pooler's. Empty: the store's own
  Milliseconds answer_timeout = seconds(8);  ///< then a connection is given up
  Milliseconds statement_timeout = seconds(6);  ///< the server's own limit, where own_backend lets us set it
  Milliseconds lock_timeout = seconds(3);
  Metrics* metrics = nullptr;  ///< what calls take; null: nobody wants to know
};

class PostgresStore final : public Store, public ChangeNotices {
 public:
  /// `url`: what libpq takes ("postgresql://user@host1,host2/db?sslmode=verify-full"). Connects, and migrates when the
  /// schema is older. unavailable (nobody there, only standbys), unauthenticated, forbidden, not_found (no database, no
  /// tables), conflict (the store is newer than the program), invalid_argument (no URL; somebody else's tables), unsafe
  /// (commits would not be durable).
  static Result<std::unique_ptr<PostgresStore>> open(const std::string& url, PostgresOptions options);
  ~PostgresStore() override;

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
  void on_change(std::function<void()> wake) override;

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
  struct Machinery;
  explicit PostgresStore(std::unique_ptr<Machinery> machinery);
  Task<Result<std::vector<GrantRecord>>> page_of(GrantFilter filter, std::string app, std::string after,
                                                 std::size_t limit);
  Task<Result<std::string>> application_after(std::string app);
  std::unique_ptr<Machinery> machinery_;
};

}  // namespace keyfob
