#pragma once
// The schema and its migrations: numbered, forward only, one after the other whichever node runs them. The lock is a
// row of a table, no advisory lock, so that it holds behind a pooler and on PostgreSQL's distributed relatives, too.

#include <span>

#include "base/result.hpp"
#include "store/postgres/session.hpp"

namespace keyfob::postgres {

struct Migration {
  int number;
  const char* sql;
};
/// In order, from 1.
[[nodiscard]] std::span<const Migration> migrations();

/// What a database without Keyfob's tables means.
enum class NoTables : std::uint8_t { make_them, is_wrong };

/// Brings the store to the program's schema; many nodes may do so at once. conflict: the store is newer than the
/// program. not_found: it has no tables of Keyfob and `empty` says that it should. invalid_argument: somebody else's
/// tables have our names.
Result<void> migrate(Session& session, NoTables empty);

/// 0: no tables of Keyfob.
Result<int> schema_of(Session& session);

}  // namespace keyfob::postgres
