#include "store/sqlite/connection.hpp"

#include <sqlite3.h>

#include <utility>

namespace keyfob::sqlite {
namespace {

ErrorCode meaning_of(int code) {
  if (code == SQLITE_IOERR_CORRUPTFS) return ErrorCode::damaged;
  // The last frame of the commit may have reached the disk although the sync failed.
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) return ErrorCode::timeout;
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorCode::damaged;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM: return ErrorCode::unavailable;
    default: return ErrorCode::internal;
  }
}

const char* what_to_do(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL: return "free space on the store's disk";
    case SQLITE_BUSY: return "another process holds the store; try again";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "keep the file, restore a backup beside it and run `keyfob doctor`";
    case SQLITE_READONLY: return "make the store's file and folder writable for this user";
    default: return "";
  }
}

Error error_of(sqlite3* handle, int code) {
  std::string what = "SQLite: ";
  what += handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
  what += " (" + std::to_string(code) + ")";
  return {meaning_of(code), std::move(what), what_to_do(code), {}};
}

/// Of the whole process: counting each allocation, SQLite would have all threads meet in one lock. Refused, and no
/// matter, where somebody else has used SQLite before.
int keep_no_statistics() { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

constexpr const char* kWriterSettings =
    "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
    "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=16000;";
constexpr const char* kReaderSettings =
    "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;";
// A log that has grown in an import keeps its place on the disk until the store is closed: given back, it would have to
// be taken again. It grows to four times the length at which it is copied (checkpointer.cpp).
constexpr const char* kLogSettings = "PRAGMA journal_size_limit=268435456";

}  // namespace

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::step() {
  column_ = 0;
  at_row_ = false;
  if (statement_ == nullptr || connection_.failed()) return false;
  const int code = sqlite3_step(statement_);
  at_row_ = code == SQLITE_ROW;
  if (!at_row_ && code != SQLITE_DONE) connection_.record_failure(code);
  return at_row_;
}

bool Query::run_unless_constrained() {
  if (statement_ == nullptr || connection_.failed()) return true;
  const int code = sqlite3_step(statement_);
  if ((code & 0xff) == SQLITE_CONSTRAINT) return false;
  if (code != SQLITE_ROW && code != SQLITE_DONE) connection_.record_failure(code);
  return true;
}

std::string_view Query::text() {
  if (!at_row_) return {};
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column_));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column_));
  ++column_;
  return data == nullptr ? std::string_view() : std::string_view(data, size);
}

std::int64_t Query::integer() { return at_row_ ? sqlite3_column_int64(statement_, column_++) : 0; }

Bytes Query::blob() {
  if (!at_row_) return {};
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column_));
  const auto size = sqlite3_column_bytes(statement_, column_);
  ++column_;
  return data == nullptr ? Bytes() : Bytes(data, data + size);
}

bool Query::is_null() const { return !at_row_ || sqlite3_column_type(statement_, column_) == SQLITE_NULL; }

std::optional<WallTime> Query::optional_time() {
  if (!is_null()) return time();
  skip(1);
  return std::nullopt;
}

void Query::bind(std::string_view text) {
  if (statement_ == nullptr) return;
  // A null pointer would bind NULL, an empty text is not that.
  const char* data = text.data() == nullptr ? "" : text.data();
  sqlite3_bind_text(statement_, ++parameter_, data, static_cast<int>(text.size()), SQLITE_STATIC);
}

void Query::bind(const Bytes& bytes) {
  if (statement_ == nullptr) return;
  const void* data = bytes.empty() ? "" : static_cast<const void*>(bytes.data());
  sqlite3_bind_blob(statement_, ++parameter_, data, static_cast<int>(bytes.size()), SQLITE_STATIC);
}

void Query::bind(std::nullptr_t) {
  if (statement_ != nullptr) sqlite3_bind_null(statement_, ++parameter_);
}

void Query::bind(std::optional<WallTime> time) { time ? bind_integer(to_unix_ms(*time)) : bind(nullptr); }

void Query::bind_integer(std::int64_t value) {
  if (statement_ != nullptr) sqlite3_bind_int64(statement_, ++parameter_, value);
}

void Connection::interrupt() { sqlite3_interrupt(handle_); }

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, ConnectionOptions options) {
  static const int once = keep_no_statistics();
  static_cast<void>(once);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<Connection> connection(new Connection(handle));
  if (code != SQLITE_OK) return fail(error_of(handle, code));
  auto ready = connection->prepare_for_use(options);
  if (!ready) return fail(std::move(ready.error()));
  return connection;
}

Result<void> Connection::prepare_for_use(ConnectionOptions options) {
  sqlite3_busy_timeout(handle_, static_cast<int>(options.busy_timeout.count()));
  execute(options.read_only ? kReaderSettings : kWriterSettings);
  execute(kLogSettings);
  int keep_log = options.keep_log ? 1 : 0;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_PERSIST_WAL, &keep_log);
  execute(("PRAGMA cache_size=-" + std::to_string(options.cache_kib)).c_str());
  if (auto failure = take_failure()) return fail(std::move(*failure));
  return {};
}

Query Connection::query(const char* sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr && !failed()) {
    const int code = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) record_failure(code);
  }
  return {*this, statement};
}

void Connection::execute(const char* sql) {
  if (failed()) return;
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) record_failure(code);
}

std::int64_t Connection::last_rowid() const { return sqlite3_last_insert_rowid(handle_); }

std::size_t Connection::changes() const { return static_cast<std::size_t>(sqlite3_changes64(handle_)); }

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

std::size_t Connection::page_reads() const {
  std::size_t reads = 0;
  for (const int counter : {SQLITE_DBSTATUS_CACHE_HIT, SQLITE_DBSTATUS_CACHE_MISS}) {
    int now = 0;
    int highest = 0;
    if (sqlite3_db_status(handle_, counter, &now, &highest, 0) == SQLITE_OK) reads += static_cast<std::size_t>(now);
  }
  return reads;
}

std::size_t Connection::statement_steps() const {
  std::size_t steps = 0;
  for (const auto& [sql, statement] : statements_) {
    steps += static_cast<std::size_t>(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0));
  }
  return steps;
}

std::optional<Error> Connection::take_failure() { return std::exchange(failure_, std::nullopt); }

void Connection::record_failure(int code) {
  if (!failure_) failure_ = error_of(handle_, code);
}

void Connection::record_failure(Error failure) {
  if (!failure_) failure_ = std::move(failure);
}

}  // namespace keyfob::sqlite
