#include "store/sqlite/sqlite_store.hpp"

#include <charconv>
#include <filesystem>
#include <utility>

#include "store/sqlite/app_token_queries.hpp"
#include "store/sqlite/async.hpp"
#include "store/sqlite/audit_queries.hpp"
#include "store/sqlite/checkpointer.hpp"
#include "store/sqlite/directory_queries.hpp"
#include "store/sqlite/file_guard.hpp"
#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/key_queries.hpp"
#include "store/sqlite/mirroring.hpp"
#include "store/sqlite/outbox_queries.hpp"
#include "store/sqlite/schema.hpp"

namespace keyfob {

using sqlite::Connection;
using sqlite::submit;

struct SqliteStore::Machinery {
  Machinery(sqlite::StoreClock the_clock, std::unique_ptr<Connection> writing,
            std::unique_ptr<sqlite::Mirroring> mirroring, std::vector<std::unique_ptr<Connection>> reading,
            std::unique_ptr<sqlite::Checkpointer> copying, Metrics* metrics)
      : clock(std::move(the_clock)),
        readers(std::move(reading), metrics),
        checkpointer(std::move(copying)),
        writer(std::move(writing), std::move(mirroring), metrics) {}

  sqlite::StoreClock clock;
  // Both touched by the writer's thread only.
  std::int64_t seen_version = 0;     // what SQLite's data_version was when we last looked
  std::uint64_t foreign_writes = 0;  // how often it had changed
  sqlite::Readers readers;
  std::unique_ptr<sqlite::Checkpointer> checkpointer{};  // before the writer, who tells it
  sqlite::Writer writer;
};

namespace {

Result<void> prepare_file(const std::string& path, bool create) {
  if (create) {
    auto created = sqlite::create_private_file(path);
    if (!created && created.error().code != ErrorCode::conflict) return created;
  }
  return sqlite::check_private_file(path);
}

/// A working copy is made anew.
Result<void> remove_working_copy(const std::string& path) {
  for (const char* tail : {"", "-wal", "-shm"}) {
    std::error_code failure;
    std::filesystem::remove(path + tail, failure);
    if (failure) return fail(ErrorCode::unavailable, "cannot remove " + path + tail + ": " + failure.message());
  }
  return {};
}

/// Durability is the mirror's.
Result<std::unique_ptr<sqlite::Mirroring>> mirror_rows(Connection& writer, const SqliteOptions& options) {
  if (options.mirror == nullptr) return nullptr;
  writer.execute("PRAGMA synchronous=OFF");
  return sqlite::Mirroring::begin(writer, *options.mirror);
}

sqlite::ConnectionOptions common_settings(const SqliteOptions& options) {
  sqlite::ConnectionOptions settings;
  settings.busy_timeout = options.busy_timeout;
  settings.keep_log = options.keep_log;
  return settings;
}

Result<std::unique_ptr<Connection>> open_writer(const std::string& path, const SqliteOptions& options) {
  sqlite::ConnectionOptions settings = common_settings(options);
  settings.cache_kib = options.writer_cache_kib;
  auto connection = Connection::open(path, settings);
  if (!connection) return connection;
  if (options.mirror != nullptr) return connection;
  const auto empty = options.create ? sqlite::EmptyFile::make_store : sqlite::EmptyFile::is_damaged;
  if (auto migrated = sqlite::migrate(**connection, empty); !migrated) return fail(std::move(migrated.error()));
  if (auto synced = sqlite::sync_folder_of(path); !synced) return fail(std::move(synced.error()));
  return connection;
}

Result<std::vector<std::unique_ptr<Connection>>> open_readers(const std::string& path, const SqliteOptions& options) {
  sqlite::ConnectionOptions settings = common_settings(options);
  settings.read_only = true;
  settings.cache_kib = options.cache_kib;
  std::vector<std::unique_ptr<Connection>> connections;
  for (unsigned i = 0; i < std::max(options.readers, 1U); ++i) {
    auto connection = Connection::open(path, settings);
    if (!connection) return fail(std::move(connection.error()));
    connections.push_back(std::move(*connection));
  }
  return connections;
}

/// A working copy is not worth it: nobody waits for its disk.
Result<std::unique_ptr<sqlite::Checkpointer>> watch_log(const std::string& path, const SqliteOptions& options,
                                                        Connection& writer) {
  if (options.mirror != nullptr) return nullptr;
  auto connection = Connection::open(path, common_settings(options));
  if (!connection) return fail(std::move(connection.error()));
  return std::make_unique<sqlite::Checkpointer>(std::move(*connection), writer, options.long_log_pages);
}

std::int64_t data_version(Connection& connection) {
  auto query = connection.query("PRAGMA data_version");
  return query.step() ? query.integer() : 0;
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<Machinery> machinery) : machinery_(std::move(machinery)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, SqliteOptions options) {
  options.create = options.create || options.mirror != nullptr;
  if (options.mirror != nullptr)
    if (auto removed = remove_working_copy(path); !removed) return fail(std::move(removed.error()));
  if (auto prepared = prepare_file(path, options.create); !prepared) return fail(std::move(prepared.error()));
  auto clock = sqlite::StoreClock::make(options.clock, options.boot_id);
  if (!clock) return fail(std::move(clock.error()));
  auto writer = open_writer(path, options);
  if (!writer) return fail(std::move(writer.error()));
  auto mirroring = mirror_rows(**writer, options);
  if (!mirroring) return fail(std::move(mirroring.error()));
  auto readers = open_readers(path, options);
  if (!readers) return fail(std::move(readers.error()));
  auto checkpointer = watch_log(path, options, **writer);
  if (!checkpointer) return fail(std::move(checkpointer.error()));
  const auto version = data_version(**writer);
  auto machinery = std::make_unique<Machinery>(std::move(*clock), std::move(*writer), std::move(*mirroring),
                                               std::move(*readers), std::move(*checkpointer), options.metrics);
  machinery->seen_version = version;
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(machinery)));
}

Task<Result<GrantRecord>> SqliteStore::load(GrantRef ref) {
  auto work = [this, ref = std::move(ref)](Connection& c) { return sqlite::load(c, ref, machinery_->clock.now()); };
  return submit<Result<GrantRecord>>(machinery_->readers, std::move(work));
}

Task<Result<std::vector<GrantRecord>>> SqliteStore::find(AppId app, GrantSelector selector) {
  auto work = [this, app = std::move(app), selector = std::move(selector)](Connection& c) {
    return sqlite::find(c, app, selector, machinery_->clock.now());
  };
  return submit<Result<std::vector<GrantRecord>>>(machinery_->readers, std::move(work));
}

Task<Result<GrantPage>> SqliteStore::list(GrantFilter filter) {
  auto work = [this, filter = std::move(filter)](Connection& c) {
    return sqlite::list(c, filter, machinery_->clock.now());
  };
  return submit<Result<GrantPage>>(machinery_->readers, std::move(work));
}

Task<Result<BeginOutcome>> SqliteStore::begin(BeginRequest request) {
  auto work = [this, request = std::move(request)](Connection& c) {
    return sqlite::begin(c, request, machinery_->clock.now());
  };
  return submit<Result<BeginOutcome>>(machinery_->writer, std::move(work));
}

Task<Result<CommitOutcome>> SqliteStore::commit(CommitRequest request) {
  auto work = [this, request = std::move(request)](Connection& c) {
    return sqlite::commit(c, request, machinery_->clock.now());
  };
  return submit<Result<CommitOutcome>>(machinery_->writer, std::move(work));
}

Task<Result<UpdateOutcome>> SqliteStore::update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) {
  sqlite::UpdateRequest request{std::move(ref), at, std::move(change), now};
  auto work = [this, request = std::move(request)](Connection& c) {
    return sqlite::update(c, request, machinery_->clock.now());
  };
  return submit<Result<UpdateOutcome>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<Result<void>>>> SqliteStore::put(std::vector<PutRequest> requests) {
  using Answers = Result<std::vector<Result<void>>>;
  auto work = [requests = std::move(requests)](Connection& c) {
    std::vector<Result<void>> answers;
    answers.reserve(requests.size());
    for (const auto& request : requests) answers.push_back(sqlite::put(c, request));
    return Answers(std::move(answers));
  };
  return submit<Answers>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<std::vector<GrantRecord>>>> SqliteStore::find_owners(AppId app, std::vector<UserId> users) {
  using Answers = Result<std::vector<std::vector<GrantRecord>>>;
  auto work = [this, app = std::move(app), users = std::move(users)](Connection& c) {
    std::vector<std::vector<GrantRecord>> all;
    all.reserve(users.size());
    for (const auto& user : users) {
      auto found = sqlite::find(c, app, GrantSelector{user, {}}, machinery_->clock.now());
      if (!found) return Answers(fail(std::move(found.error())));
      all.push_back(std::move(*found));
    }
    return Answers(std::move(all));
  };
  return submit<Answers>(machinery_->readers, std::move(work));
}

Task<Result<UpdateOutcome>> SqliteStore::reassociate(Reassociation request) {
  auto work = [this, request = std::move(request)](Connection& c) {
    return sqlite::reassociate(c, request, machinery_->clock.now());
  };
  return submit<Result<UpdateOutcome>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::remove(GrantRef ref) {
  auto work = [ref = std::move(ref)](Connection& c) { return sqlite::remove(c, ref); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::keep_late(KeptPair pair) {
  auto work = [pair = std::move(pair)](Connection& c) { return sqlite::keep_late(c, pair); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<KeptPair>>> SqliteStore::late(GrantRef ref, Epoch epoch) {
  auto work = [ref = std::move(ref), epoch](Connection& c) { return sqlite::late(c, ref, epoch); };
  return submit<Result<std::vector<KeptPair>>>(machinery_->readers, std::move(work));
}

Task<Result<void>> SqliteStore::drop_late(KeptPair pair) {
  auto work = [pair = std::move(pair)](Connection& c) { return sqlite::drop_late(c, pair); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<GrantRecord>>> SqliteStore::claim_due(std::vector<DueShare> shares, WallTime now,
                                                              Milliseconds hold) {
  auto work = [this, claim = sqlite::Claim{std::move(shares), now, hold}](Connection& c) {
    return sqlite::claim_due(c, claim, machinery_->clock.now());
  };
  return submit<Result<std::vector<GrantRecord>>>(machinery_->writer, std::move(work));
}

Task<Result<DueOutlook>> SqliteStore::outlook(AppId app, WallTime now, std::size_t count_at_most) {
  auto work = [app = std::move(app), now, count_at_most](Connection& c) {
    return sqlite::outlook(c, app, now, count_at_most);
  };
  return submit<Result<DueOutlook>>(machinery_->readers, std::move(work));
}

Task<Result<std::vector<GrantRecord>>> SqliteStore::abandoned(NodeIdentity node, std::size_t limit) {
  auto work = [this, node = std::move(node), limit](Connection& c) {
    return sqlite::abandoned(c, node, limit, machinery_->clock.now());
  };
  return submit<Result<std::vector<GrantRecord>>>(machinery_->readers, std::move(work));
}

Task<Result<RefreshHealth>> SqliteStore::health(GrantRef asking, WallTime since) {
  auto work = [asking = std::move(asking), since](Connection& c) { return sqlite::health(c, asking, since); };
  return submit<Result<RefreshHealth>>(machinery_->readers, std::move(work));
}

Task<Result<std::size_t>> SqliteStore::reopen_refused(AppId app, WallTime since, WallTime due_at) {
  auto work = [app = std::move(app), since, due_at](Connection& c) {
    return sqlite::reopen_refused(c, app, since, due_at);
  };
  return submit<Result<std::size_t>>(machinery_->writer, std::move(work));
}

Task<Result<Changes>> SqliteStore::changes_since(std::string cursor) {
  auto work = [machinery = machinery_.get(), cursor = std::move(cursor)](Connection& c) {
    const auto version = data_version(c);
    if (!c.failed() && version != machinery->seen_version) {
      machinery->seen_version = version;
      ++machinery->foreign_writes;
    }
    Changes changes;
    changes.cursor = std::to_string(machinery->foreign_writes);
    changes.everything = !cursor.empty() && cursor != changes.cursor;
    changes.directory = changes.everything;
    return Result<Changes>(std::move(changes));
  };
  return submit<Result<Changes>>(machinery_->writer, std::move(work), sqlite::Transaction::not_needed);
}

Task<Result<std::vector<ApplicationRecord>>> SqliteStore::applications() {
  auto work = [](Connection& c) { return sqlite::applications(c); };
  return submit<Result<std::vector<ApplicationRecord>>>(machinery_->readers, std::move(work));
}

Task<Result<void>> SqliteStore::put_application(ApplicationRecord record) {
  auto work = [record = std::move(record)](Connection& c) { return sqlite::put_application(c, record); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::remove_application(AppId app) {
  auto work = [app = std::move(app)](Connection& c) { return sqlite::remove_application(c, app); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<CallerRecord>>> SqliteStore::callers() {
  auto work = [](Connection& c) { return sqlite::callers(c); };
  return submit<Result<std::vector<CallerRecord>>>(machinery_->readers, std::move(work));
}

Task<Result<void>> SqliteStore::put_caller(CallerRecord record) {
  auto work = [record = std::move(record)](Connection& c) { return sqlite::put_caller(c, record); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<WrappedDataKey>>> SqliteStore::data_keys() {
  auto work = [](Connection& c) { return sqlite::data_keys(c); };
  return submit<Result<std::vector<WrappedDataKey>>>(machinery_->readers, std::move(work));
}

Task<Result<void>> SqliteStore::put_data_keys(std::vector<WrappedDataKey> keys) {
  auto work = [keys = std::move(keys)](Connection& c) { return sqlite::put_data_keys(c, keys); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::put_consent(ConsentState state) {
  auto work = [state = std::move(state)](Connection& c) { return sqlite::put_consent(c, state); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<ConsentState>> SqliteStore::take_consent(Bytes state_hash, WallTime now) {
  auto work = [state_hash = std::move(state_hash), now](Connection& c) {
    return sqlite::take_consent(c, state_hash, now);
  };
  return submit<Result<ConsentState>>(machinery_->writer, std::move(work));
}

Task<Result<std::size_t>> SqliteStore::reseal(std::vector<ResealedGrant> grants) {
  auto work = [grants = std::move(grants)](Connection& c) { return sqlite::reseal(c, grants); };
  return submit<Result<std::size_t>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<KeptPair>>> SqliteStore::late_under(DataKeyRef key, std::size_t limit) {
  auto work = [key = std::move(key), limit](Connection& c) { return sqlite::late_under(c, key, limit); };
  return submit<Result<std::vector<KeptPair>>>(machinery_->readers, std::move(work));
}

Task<Result<bool>> SqliteStore::replace_late(KeptPair old, KeptPair fresh) {
  auto work = [old = std::move(old), fresh = std::move(fresh)](Connection& c) {
    return sqlite::replace_late(c, old, fresh);
  };
  return submit<Result<bool>>(machinery_->writer, std::move(work));
}

Task<Result<bool>> SqliteStore::consents_under(AppId app, Bytes header, WallTime now) {
  auto work = [app = std::move(app), header = std::move(header), now](Connection& c) {
    return sqlite::consents_under(c, app, header, now);
  };
  return submit<Result<bool>>(machinery_->readers, std::move(work));
}

Task<Result<void>> SqliteStore::change_data_keys(AppId app, std::vector<WrappedDataKey> before,
                                                 std::vector<WrappedDataKey> after) {
  sqlite::KeyChange change{std::move(app), std::move(before), std::move(after)};
  auto work = [change = std::move(change)](Connection& c) { return sqlite::change_data_keys(c, change); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::retire_data_key(DataKeyRef key) {
  auto work = [key = std::move(key)](Connection& c) { return sqlite::retire_data_key(c, key); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::hold_data_keys(NodeId node, std::vector<DataKeyRef> keys, WallTime now) {
  auto work = [node = std::move(node), keys = std::move(keys), now](Connection& c) {
    return sqlite::hold_data_keys(c, node, keys, now);
  };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<DataKeyHolder>>> SqliteStore::data_key_holders() {
  auto work = [](Connection& c) { return sqlite::data_key_holders(c); };
  return submit<Result<std::vector<DataKeyHolder>>>(machinery_->readers, std::move(work));
}

Task<Result<void>> SqliteStore::append(std::vector<AuditRecord> records) {
  auto work = [records = std::move(records)](Connection& c) { return sqlite::append_audit(c, records); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<AuditPage>> SqliteStore::find_audit(AuditQuery query) {
  auto work = [query = std::move(query)](Connection& c) { return sqlite::find_audit(c, query); };
  return submit<Result<AuditPage>>(machinery_->readers, std::move(work));
}

Task<Result<std::vector<AuditRecord>>> SqliteStore::chain(NodeId node, std::uint64_t after, std::size_t limit) {
  auto work = [node = std::move(node), after, limit](Connection& c) {
    return sqlite::audit_chain(c, node, after, limit);
  };
  return submit<Result<std::vector<AuditRecord>>>(machinery_->readers, std::move(work));
}

Task<Result<std::vector<AuditHead>>> SqliteStore::heads() {
  auto work = [](Connection& c) { return sqlite::audit_heads(c); };
  return submit<Result<std::vector<AuditHead>>>(machinery_->readers, std::move(work));
}

Task<Result<void>> SqliteStore::prune(NodeId node, std::uint64_t through) {
  auto work = [node = std::move(node), through](Connection& c) { return sqlite::prune_audit(c, node, through); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<bool>> SqliteStore::tell(std::vector<OutboxRow> rows, std::optional<Mark> mark, WallTime now) {
  auto work = [rows = std::move(rows), mark = std::move(mark), now](Connection& c) {
    return sqlite::tell(c, rows, mark, now);
  };
  return submit<Result<bool>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<ClaimedRow>>> SqliteStore::claim_outbox(std::string destination, std::size_t limit,
                                                                Milliseconds hold) {
  auto work = [this, claim = sqlite::OutboxClaim{std::move(destination), limit, hold}](Connection& c) {
    return sqlite::claim_outbox(c, claim, machinery_->clock.now());
  };
  return submit<Result<std::vector<ClaimedRow>>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::settle_outbox(std::vector<Settled> rows) {
  auto work = [this, rows = std::move(rows)](Connection& c) {
    return sqlite::settle_outbox(c, rows, machinery_->clock.now());
  };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<OutboxDepth>>> SqliteStore::outbox_depths() {
  auto work = [](Connection& c) { return sqlite::outbox_depths(c); };
  return submit<Result<std::vector<OutboxDepth>>>(machinery_->readers, std::move(work));
}

Task<Result<AppTokenAnswer>> SqliteStore::claim_app_token(AppTokenClaim claim) {
  auto work = [this, claim = std::move(claim)](Connection& c) {
    return sqlite::claim_app_token(c, claim, machinery_->clock.now());
  };
  return submit<Result<AppTokenAnswer>>(machinery_->writer, std::move(work));
}

Task<Result<std::uint64_t>> SqliteStore::put_app_token(AppId app, SharedAppToken token) {
  auto work = [app = std::move(app), token = std::move(token)](Connection& c) {
    return sqlite::put_app_token(c, app, token);
  };
  return submit<Result<std::uint64_t>>(machinery_->writer, std::move(work));
}

Task<Result<void>> SqliteStore::release_app_token(AppId app) {
  auto work = [app = std::move(app)](Connection& c) { return sqlite::release_app_token(c, app); };
  return submit<Result<void>>(machinery_->writer, std::move(work));
}

Task<Result<std::vector<std::string>>> SqliteStore::check() {
  auto work = [](Connection& c) {
    std::vector<std::string> complaints;
    auto query = c.query("PRAGMA integrity_check");
    while (query.step()) complaints.emplace_back(query.text());
    if (complaints.size() == 1 && complaints.front() == "ok") complaints.clear();
    if (c.found_damage()) complaints.push_back(c.take_failure()->what);
    return Result<std::vector<std::string>>(std::move(complaints));
  };
  return submit<Result<std::vector<std::string>>>(machinery_->readers, std::move(work));
}

}  // namespace keyfob
