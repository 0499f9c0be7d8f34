#pragma once
// What the tests of PostgreSQL share: one server for the whole program, and a schema of its own for each test, with a
// clock that the test moves.

#include <memory>
#include <string>

#include "store/postgres/postgres_store.hpp"
#include "stores.hpp"
#include "testing/postgres_server.hpp"

namespace keyfob::contract {

/// Started when it is first asked for.
[[nodiscard]] PostgresServer& shared_postgres();

/// A schema of its own on the shared server. The store's statement_timestamp() is found in it before PostgreSQL's: its
/// clock stands still until the test moves it.
class PostgresSchema {
 public:
  PostgresSchema();
  ~PostgresSchema();
  PostgresSchema(const PostgresSchema&) = delete;
  PostgresSchema& operator=(const PostgresSchema&) = delete;
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  void advance(Milliseconds d) const;
  /// Empties every table; quicker than a new schema.
  void empty() const;
  std::string sql(const std::string& text) const { return postgres_sql(url_, text); }

 private:
  std::string name_;
  std::string url_;
};

}  // namespace keyfob::contract
