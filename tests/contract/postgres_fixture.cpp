#include "postgres_fixture.hpp"

#include <atomic>

namespace keyfob::contract {
namespace {

std::atomic<int> schemas = 0;

}  // namespace

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

PostgresSchema::PostgresSchema() : name_("t" + std::to_string(++schemas)) {
  const auto& server = shared_postgres();
  postgres_sql(server.url(), "CREATE SCHEMA " + name_);
  url_ = server.url("&options=-csearch_path%3D" + name_ + "%2Cpg_catalog");
  sql("CREATE TABLE clock (at timestamptz NOT NULL); INSERT INTO clock VALUES ('2023-11-14 22:13:20Z')");
  sql("CREATE FUNCTION statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM " + name_ +
      ".clock'");
}

PostgresSchema::~PostgresSchema() { postgres_sql(shared_postgres().url(), "DROP SCHEMA " + name_ + " CASCADE"); }

void PostgresSchema::empty() const {
  sql("DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '" + name_ +
      "' AND tablename NOT IN ('clock', 'keyfob_schema') LOOP EXECUTE 'DELETE FROM ' || t; END LOOP; END $$");
}

void PostgresSchema::advance(Milliseconds d) const {
  sql("UPDATE clock SET at = at + interval '" + std::to_string(d.count()) + " milliseconds'");
}

}  // namespace keyfob::contract
