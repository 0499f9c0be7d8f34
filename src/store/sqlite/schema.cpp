#include "store/sqlite/schema.hpp"

#include "store/sqlite/grant_keys.hpp"

namespace keyfob::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x4b466f62;  // "KFob" in the file's header: this is Keyfob's store
constexpr const char* kMarkAsOurs = "PRAGMA application_id=1262907234";
static_assert(kApplicationId == 1262907234);

struct Found {
  bool empty = true;
  bool ours = false;
  std::int64_t version = 0;
};

Found look(Connection& connection) {
  Found found;
  auto mark = connection.query("PRAGMA application_id");
  found.ours = mark.step() && mark.integer() == kApplicationId;
  auto tables = connection.query("SELECT count(*) FROM sqlite_master");
  found.empty = !tables.step() || tables.integer() == 0;
  if (!found.ours || found.empty) return found;
  auto version = connection.query("SELECT max(version) FROM schema_migrations");
  if (version.step()) found.version = version.integer();
  return found;
}

Result<void> judge(const Found& found, EmptyFile empty) {
  const int known = migrations().back().number;
  if (found.empty && empty == EmptyFile::is_damaged) {
    return fail(ErrorCode::damaged, "the store's file holds no tables",
                "restore a backup, or make a store with `keyfob init`");
  }
  if (!found.empty && !found.ours) {
    return fail(ErrorCode::invalid_argument, "the file is a database, but not a store of Keyfob",
                "check the store's URL");
  }
  if (found.version > known) {
    return fail(
        ErrorCode::conflict,
        "the store has schema " + std::to_string(found.version) + ", this program knows " + std::to_string(known),
        "run a newer keyfob");
  }
  return {};
}

void apply(Connection& connection, const Found& found, int last) {
  add_key_function(connection);
  if (found.empty) {
    connection.execute(kMarkAsOurs);
    connection.execute("CREATE TABLE schema_migrations (version INTEGER NOT NULL PRIMARY KEY)");
  }
  for (const auto& migration : migrations()) {
    if (migration.number <= found.version || migration.number > last) continue;
    connection.execute(migration.sql);
    connection.query("INSERT INTO schema_migrations (version) VALUES (?)").with(migration.number).run();
  }
}

Result<Found> check(Connection& connection, EmptyFile empty) {
  const Found found = look(connection);
  if (auto failure = connection.take_failure()) return fail(std::move(*failure));
  if (auto judged = judge(found, empty); !judged) return fail(std::move(judged.error()));
  return found;
}

// Not inside a transaction, and only once the file is known to be ours: this changes its header.
Result<void> use_write_ahead_log(Connection& connection) {
  bool wal = false;
  {
    auto mode = connection.query("PRAGMA journal_mode=WAL");
    wal = mode.step() && mode.text() == "wal";
  }
  if (auto failure = connection.take_failure()) return fail(std::move(*failure));
  if (!wal) return fail(ErrorCode::unavailable, "the store's file system does not support SQLite's write-ahead log");
  return {};
}

}  // namespace

Result<void> migrate(Connection& connection, EmptyFile empty) {
  return migrate(connection, empty, migrations().back().number);
}

Result<void> migrate(Connection& connection, EmptyFile empty, int last) {
  const auto present = check(connection, empty);
  if (!present) return fail(present.error());
  if (auto ready = use_write_ahead_log(connection); !ready) return ready;
  // Without a write: whoever only wants to read is not kept out by a lock.
  if (!present->empty && present->version >= last) return {};
  connection.execute("BEGIN IMMEDIATE");
  const Found found = look(connection);  // again: another process may have migrated meanwhile
  auto judged = judge(found, empty);
  if (judged) apply(connection, found, last);
  if (judged) connection.execute("COMMIT");
  auto failure = connection.take_failure();
  if (connection.in_transaction()) connection.execute("ROLLBACK");
  if (failure) return fail(std::move(*failure));
  return judged;
}

}  // namespace keyfob::sqlite
