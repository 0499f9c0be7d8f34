#include "apps/keyfob/backup.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "apps/keyfob/open_ports.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "store/sqlite/backup.hpp"
#include "store/sqlite/file_guard.hpp"

namespace keyfob::node {
namespace {

/// A file that is removed, with what SQLite puts beside it, unless it was moved into place.
class PartialFile {
 public:
  explicit PartialFile(std::filesystem::path path) : path_(std::move(path)) {}
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    for (const char* tail : {"", "-wal", "-shm", "-journal"}) ::unlink((path_.native() + tail).c_str());
  }
  [[nodiscard]] const std::string& name() const { return path_.native(); }
  Result<void> create() { return sqlite::create_private_file(name()); }

  /// Never over something that is there. The name is gone from here when this object is.
  Result<void> move_to(const std::filesystem::path& target) {
    if (::link(name().c_str(), target.c_str()) == 0) {
      auto synced = sqlite::sync_folder_of(target);
      if (!synced) ::unlink(target.c_str());
      return synced;
    }
    const int number = errno;
    if (number == EEXIST) return fail(ErrorCode::conflict, target.string() + " exists already");
    return fail(ErrorCode::unavailable,
                fmt::format("cannot move the backup to {}: {}", target.string(), std::strerror(number)));
  }

 private:
  std::filesystem::path path_;
};

Result<void> require_new(const std::filesystem::path& file) {
  if (::access(file.c_str(), F_OK) != 0) return {};
  return fail(ErrorCode::conflict, fmt::format("{} exists already", file.string()),
              "a backup is never written over something: choose another name");
}

Result<std::string> store_to_copy(const config::StoreConfig& store) {
  std::string path = sqlite_path(store);
  if (!path.empty()) return path;
  return fail(
      ErrorCode::invalid_argument, "the store is PostgreSQL: its own tools back it up",
      "pg_dump --format=custom --file FILE DATABASE, or pg_basebackup with WAL archiving; docs/how-to/backup.md");
}

class Backup {
 public:
  Backup(const config::Config& config, const BackupRequest& request, const BackupProgress& progress)
      : config_(config),
        request_(request),
        progress_(progress),
        copy_(request.file.native() + ".partial." + std::to_string(::getpid())) {}
  Result<BackupReport> run();

 private:
  Result<void> copy(const std::string& from);
  Result<void> verify();
  Result<void> open_records();
  Result<StoreContents> contents_of(const std::string& file);
  [[nodiscard]] bool go_on(std::string_view step, std::uint64_t done, std::uint64_t total) const {
    return !progress_ || progress_(step, done, total);
  }

  const config::Config& config_;
  const BackupRequest& request_;
  const BackupProgress& progress_;
  PartialFile copy_;
  BackupReport report_;
};

Result<void> Backup::copy(const std::string& from) {
  if (auto made = copy_.create(); !made) return made;
  report_.taken_at = SystemClock().wall();
  return sqlite::copy_store(from, copy_.name(),
                            [this](std::uint64_t done, std::uint64_t total) { return go_on("copying", done, total); });
}

Result<StoreContents> Backup::contents_of(const std::string& file) {
  return check_store(file, config_.keys, [this](std::uint64_t grants) { return go_on("opening", grants, 0); });
}

/// An older schema stays as it is in the backup; the records are opened out of a second copy that is migrated.
Result<void> Backup::open_records() {
  Result<StoreContents> contents;
  if (report_.schema == sqlite::known_schema()) {
    contents = contents_of(copy_.name());
  } else {
    PartialFile migrated(copy_.name() + ".check");
    if (auto made = migrated.create(); !made) return made;
    if (auto copied = sqlite::copy_store(copy_.name(), migrated.name(), {}); !copied) return copied;
    contents = contents_of(migrated.name());
  }
  if (!contents) return fail(contents.error());
  report_.contents = std::move(*contents);
  report_.opened = true;
  const auto& damaged = report_.contents;
  if (damaged.damaged_count == 0 || request_.accept_damaged) return {};
  return fail(ErrorCode::damaged,
              fmt::format("{} of the store's records do not open ({}); no backup was written", damaged.damaged_count,
                          damaged.damaged.front()),
              "an older backup may hold them whole; --accept-damaged keeps this one all the same");
}

Result<void> Backup::verify() {
  auto schema = sqlite::schema_of(copy_.name());
  if (!schema) return fail(schema.error());
  report_.schema = *schema;
  if (*schema > sqlite::known_schema())
    return fail(ErrorCode::conflict,
                fmt::format("the store has schema {}, this program knows {}", *schema, sqlite::known_schema()),
                "run the keyfob that serves this store");
  auto broken = sqlite::check_integrity(copy_.name());
  if (!broken) return fail(broken.error());
  if (!broken->empty())
    return fail(ErrorCode::damaged, "the store is damaged: " + *broken + "; no backup was written",
                "keep the file; restore an older backup, or what `sqlite3 FILE .recover` saves");
  return request_.open_records ? open_records() : Result<void>();
}

Result<BackupReport> Backup::run() {
  auto from = store_to_copy(config_.store);
  if (!from) return fail(from.error());
  if (auto fresh = require_new(request_.file); !fresh) return fail(fresh.error());
  if (auto copied = copy(*from); !copied) return fail(copied.error());
  if (auto verified = verify(); !verified) return fail(verified.error());
  if (auto whole = sqlite::finish_copy(copy_.name(), report_.taken_at); !whole) return fail(whole.error());
  if (!go_on("opening", report_.contents.grants, 0)) return fail(ErrorCode::cancelled, "the backup was interrupted");
  if (auto moved = copy_.move_to(request_.file); !moved) return fail(moved.error());
  report_.file = request_.file;
  report_.bytes = std::filesystem::file_size(request_.file);
  return report_;
}

}  // namespace

Result<BackupReport> back_up(const config::Config& config, const BackupRequest& request,
                             const BackupProgress& progress) {
  return Backup(config, request, progress).run();
}

}  // namespace keyfob::node
