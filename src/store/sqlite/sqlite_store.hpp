#pragma once
// SqliteStore: the embedded store. One file in WAL mode with synchronous=FULL; one writer thread that commits what has
// gathered in one transaction, reader threads beside it.
//
// Implements every promise of ports/grant_store.hpp and ports/directory_store.hpp. Any thread may call; answers arrive
// on the awaiting coroutine's executor, which is kept running until then. Destruction finishes what was started and
// joins the threads; do not destroy it on an executor whose coroutines still wait for it.
// The store's clock is (boot id, CLOCK_BOOTTIME): a stepped wall clock holds no lease up.
// The process must ignore SIGXFSZ if it runs under a file size limit, so that a full disk is an error and not its end.

#include <memory>
#include <string>
#include <vector>

#include "ports/clock.hpp"
#include "ports/event_sink.hpp"
#include "ports/row_mirror.hpp"
#include "ports/store.hpp"

namespace keyfob {

struct SqliteOptions {
  /// Make a new store where there is no file. Otherwise a missing file is not_found and an empty one damaged.
  bool create = false;
  /// The files of the write-ahead log stay when the store is closed: without them it could not be opened on a disk that
  /// has become full meanwhile. 32 KiB.
  bool keep_log = true;
  unsigned readers = 2;
  Milliseconds busy_timeout = seconds(5);  ///< how long another process may hold the write lock
  int cache_kib = 16384;                   ///< page cache of each connection that reads
  int writer_cache_kib = 65536;            ///< of the one that writes: what an import touches at random lies in it
  int long_log_pages = 16'000;             ///< of write-ahead log, 4 KiB each, before it is copied into the file
  const Clock* clock = nullptr;            ///< null: the system's; used on the store's threads
  std::string boot_id{};                   ///< empty: the system's
  Metrics* metrics = nullptr;              ///< what calls take; null: nobody wants to know
  /// The rows are somebody else's: the file is a working copy of theirs and made anew. Outlives the store.
  RowMirror* mirror = nullptr;
};

class SqliteStore final : public Store {
 public:
  /// Opens, and migrates when the schema is older. not_found, unsafe (file mode; the hint mends it), damaged (not a
  /// database, emptied, unreadable), conflict (the store is newer than the program), invalid_argument (somebody else's
  /// database), unavailable.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, SqliteOptions options);
  ~SqliteStore() override;

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

  /// Reads the whole file and says what is wrong with its structure; empty: nothing. Takes seconds per gigabyte.
  Task<Result<std::vector<std::string>>> check();

 private:
  struct Machinery;
  explicit SqliteStore(std::unique_ptr<Machinery> machinery);
  std::unique_ptr<Machinery> machinery_;
};

}  // namespace keyfob
