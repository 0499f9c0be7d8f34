#pragma once
// backup: one verified file out of a SQLite store that may be in use.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "apps/keyfob/store_check.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "config/config.hpp"

namespace keyfob::node {

struct BackupRequest {
  std::filesystem::path file;
  bool open_records = true;     ///< false: the master key is not at hand; the file's structure is checked all the same
  bool accept_damaged = false;  ///< keep a backup although some records of the store do not open
};

struct BackupReport {
  std::filesystem::path file;
  WallTime taken_at{};
  std::uint64_t bytes = 0;
  int schema = 0;
  bool opened = false;
  StoreContents contents{};
};

/// "copying" (bytes are pages then) or "opening" (records; total 0: unknown). False ends the backup.
using BackupProgress = std::function<bool(std::string_view step, std::uint64_t done, std::uint64_t total)>;

/// Mode 0600, written aside, synced, moved into place when it is whole and verified; whatever fails, nothing is left.
/// invalid_argument: the store is not SQLite. conflict: the file exists. damaged: records do not open, or the store's
/// structure is broken. cancelled: `progress` said so. unavailable: disk, store, master key.
[[nodiscard]] Result<BackupReport> back_up(const config::Config& config, const BackupRequest& request,
                                           const BackupProgress& progress);

}  // namespace keyfob::node
