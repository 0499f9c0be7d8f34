#pragma once
// What people ask of a database as a whole, on a connection of its own. Errors as PostgresStore::open().

#include <string>

#include "base/result.hpp"
#include "core/grant_counts.hpp"

namespace keyfob::postgres {

/// `own_backend`: see PostgresOptions.
struct Database {
  std::string url;
  bool own_backend = true;
};

/// Reads every grant's status.
[[nodiscard]] Result<GrantCounts> count_grants(const Database& database);
/// Out of one index, without the grants.
[[nodiscard]] Result<Renewals> count_renewals(const Database& database, WallTime now);

/// The schema of a database, without changing it (0: no tables of Keyfob), and the one this program writes.
[[nodiscard]] Result<int> schema_of(const Database& database);
[[nodiscard]] int known_schema();

}  // namespace keyfob::postgres
