#pragma once
// The schema and its migrations: numbered, forward only, run under the store's write lock.

#include <span>

#include "base/result.hpp"
#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {

struct Migration {
  int number;
  const char* sql;
};
/// In order, from 1.
[[nodiscard]] std::span<const Migration> migrations();

/// What a file without any table means.
enum class EmptyFile : std::uint8_t { make_store, is_damaged };

/// Brings the store to the program's schema. conflict: the store is newer than the program. invalid_argument: a
/// database, but not Keyfob's. damaged: it has no tables and `empty` says that it should.
Result<void> migrate(Connection& connection, EmptyFile empty);
/// The same, but no further than `last`.
Result<void> migrate(Connection& connection, EmptyFile empty, int last);

}  // namespace keyfob::sqlite
