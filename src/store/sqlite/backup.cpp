#include "store/sqlite/backup.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "store/sqlite/connection.hpp"
#include "store/sqlite/file_guard.hpp"
#include "store/sqlite/schema.hpp"

namespace keyfob::sqlite {
namespace {

constexpr int kPagesAtOnce = 1024;
constexpr int kBusyMs = 5000;
constexpr std::int64_t kApplicationId = 0x4b466f62;

/// A bare handle: the copy is made by pages, without prepared statements.
class Handle {
 public:
  Handle() = default;
  ~Handle() { sqlite3_close(handle_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  Result<void> open(const std::string& path) {
    const int code = sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) return failure(path);
    sqlite3_busy_timeout(handle_, kBusyMs);
    return {};
  }
  Result<void> run(const char* sql, const std::string& path) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(path);
    return {};
  }
  [[nodiscard]] std::unexpected<Error> failure(const std::string& path) const {
    const int code = sqlite3_errcode(handle_) & 0xff;
    const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return fail(damaged ? ErrorCode::damaged : ErrorCode::unavailable,
                path + ": " + sqlite3_errmsg(handle_) + " (" + std::to_string(code) + ")",
                code == SQLITE_FULL ? "free space on the disk of the backup" : "");
  }
  [[nodiscard]] sqlite3* get() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

class Copy {
 public:
  Copy(Handle& to, Handle& from) : copy_(sqlite3_backup_init(to.get(), "main", from.get(), "main")) {}
  ~Copy() {
    if (copy_ != nullptr) sqlite3_backup_finish(copy_);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  /// SQLITE_DONE, or what kept it from that. SQLITE_ABORT: `progress` did.
  int run(const CopyProgress& progress) {
    if (copy_ == nullptr) return SQLITE_ERROR;
    for (;;) {
      const int code = sqlite3_backup_step(copy_, kPagesAtOnce);
      if (code != SQLITE_OK) return code;
      const auto total = static_cast<std::uint64_t>(sqlite3_backup_pagecount(copy_));
      const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(copy_));
      if (progress && !progress(total - left, total)) return SQLITE_ABORT;
    }
  }

 private:
  sqlite3_backup* copy_;
};

Result<std::int64_t> pragma(const std::string& path, const char* sql) {
  if (auto checked = check_private_file(path); !checked && checked.error().code != ErrorCode::unsafe)
    return fail(checked.error());
  ConnectionOptions options;
  options.read_only = true;
  auto connection = Connection::open(path, options);
  if (!connection) return fail(connection.error());
  std::int64_t value = 0;
  {
    auto query = (*connection)->query(sql);
    if (query.step()) value = query.integer();
  }
  if (auto failure = (*connection)->take_failure()) return fail(std::move(*failure));
  return value;
}

Result<void> require_ours(const std::string& path) {
  auto mark = pragma(path, "PRAGMA application_id");
  if (!mark) return fail(mark.error());
  if (*mark == kApplicationId) return {};
  return fail(ErrorCode::invalid_argument, path + " is not a store of Keyfob", "check the store's URL");
}

Result<void> sync_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const bool done = file >= 0 && ::fsync(file) == 0;
  const int number = errno;
  if (file >= 0) ::close(file);
  if (!done) return fail(ErrorCode::unavailable, "cannot sync " + path + ": " + std::strerror(number));
  return {};
}

}  // namespace

Result<void> copy_store(const std::string& from, const std::string& to, const CopyProgress& progress) {
  if (auto ours = require_ours(from); !ours) return ours;
  Handle source;
  Handle target;
  if (auto opened = source.open(from); !opened) return opened;
  if (auto opened = target.open(to); !opened) return opened;
  // One read transaction over all steps: a snapshot, so that what others commit meanwhile starts nothing anew.
  if (auto begun = source.run("BEGIN; SELECT count(*) FROM sqlite_master", from); !begun) return begun;
  if (auto set = target.run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", to); !set) return set;
  const int code = Copy(target, source).run(progress);
  if (code == SQLITE_DONE) return {};
  if (code == SQLITE_ABORT) return fail(ErrorCode::cancelled, "the backup was interrupted");
  if (sqlite3_errcode(source.get()) != SQLITE_OK) return source.failure(from);
  if (sqlite3_errcode(target.get()) != SQLITE_OK) return target.failure(to);
  return fail(ErrorCode::unavailable, to + ": " + sqlite3_errstr(code),
              (code & 0xff) == SQLITE_FULL ? "free space on the disk of the backup" : "");
}

Result<std::string> check_integrity(const std::string& path) {
  ConnectionOptions options;
  options.read_only = true;
  auto connection = Connection::open(path, options);
  if (!connection) return fail(connection.error());
  std::string found;
  {
    auto query = (*connection)->query("PRAGMA integrity_check(5)");
    while (query.step()) found += (found.empty() ? "" : "; ") + std::string(query.text());
  }
  if (auto failure = (*connection)->take_failure()) return fail(std::move(*failure));
  return found == "ok" ? std::string() : found;
}

Result<void> finish_copy(const std::string& path, WallTime at) {
  {
    Handle file;
    if (auto opened = file.open(path); !opened) return opened;
    const std::string mark = "PRAGMA user_version=" + std::to_string(to_unix_ms(at) / 60000);
    if (auto done = file.run("PRAGMA journal_mode=DELETE", path); !done) return done;
    if (auto done = file.run(mark.c_str(), path); !done) return done;
  }
  return sync_file(path);
}

Result<std::optional<WallTime>> copied_at(const std::string& path) {
  auto mark = pragma(path, "PRAGMA user_version");
  if (!mark) return fail(mark.error());
  if (*mark <= 0) return std::optional<WallTime>();
  return std::optional<WallTime>(from_unix_ms(*mark * 60000));
}

Result<void> forget_copied(const std::string& path) {
  Handle file;
  if (auto opened = file.open(path); !opened) return opened;
  return file.run("PRAGMA synchronous=FULL; PRAGMA user_version=0", path);
}

Result<int> schema_of(const std::string& path) {
  if (auto ours = require_ours(path); !ours) return fail(ours.error());
  auto version = pragma(path, "SELECT max(version) FROM schema_migrations");
  if (!version) return fail(version.error());
  return static_cast<int>(*version);
}

int known_schema() { return migrations().back().number; }

}  // namespace keyfob::sqlite
