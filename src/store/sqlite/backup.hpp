#pragma once
// Copying a store that others are using, and the mark by which a copy that is served later is known for what it is.
//
// The mark is SQLite's user_version: 0 in a store, the minute of the copy (since 1970) in a backup.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"

namespace keyfob::sqlite {

/// Pages done and pages in all. False ends the copying (cancelled).
using CopyProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// SQLite's online backup: one moment of `from`, page by page, into the empty file `to`. Writers go on meanwhile.
/// `to` is not synced yet, see finish_copy(). not_found, invalid_argument (somebody else's database), damaged,
/// unavailable, cancelled.
[[nodiscard]] Result<void> copy_store(const std::string& from, const std::string& to, const CopyProgress& progress);

/// What PRAGMA integrity_check finds wrong; "" when nothing.
[[nodiscard]] Result<std::string> check_integrity(const std::string& path);

/// Makes one durable file of a copy that may have been opened meanwhile (no log beside it), marked as taken at `at`.
[[nodiscard]] Result<void> finish_copy(const std::string& path, WallTime at);

/// When the backup was taken that this store was restored from; nothing: it is no restored backup.
[[nodiscard]] Result<std::optional<WallTime>> copied_at(const std::string& path);
/// What was lost by the restoring has been found out: the store is like any other from now on.
[[nodiscard]] Result<void> forget_copied(const std::string& path);

/// The schema of a store, without changing it, and the one this program writes.
[[nodiscard]] Result<int> schema_of(const std::string& path);
[[nodiscard]] int known_schema();

}  // namespace keyfob::sqlite
