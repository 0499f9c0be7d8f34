#include "store/postgres/sqlstate.hpp"

#include <algorithm>
#include <array>

namespace keyfob::postgres {
namespace {

constexpr auto kAgain = std::to_array<std::string_view>({
    "40001",  // serialization_failure
    "40P01",  // deadlock_detected
});
constexpr auto kAnotherServer = std::to_array<std::string_view>({
    "25006",  // read_only_sql_transaction: it has become a standby, or never was the primary
    "25P03",  // idle_in_transaction_session_timeout
    "57P01",  // admin_shutdown
    "57P02",  // crash_shutdown
    "57P03",  // cannot_connect_now
    "57P05",  // idle_session_timeout
    "26000",  // invalid_sql_statement_name: a pooler gave us another backend
    "42P05",  // duplicate_prepared_statement: the same
    "0A000",  // cached plan must not change result type: a newer node has migrated
});

struct Meaning {
  std::string_view prefix;
  ErrorCode code;
  const char* hint;
};
// The first that fits. Classes stand behind single codes.
constexpr auto kMeanings = std::to_array<Meaning>({
    {"40003", ErrorCode::timeout, ""},
    {"40", ErrorCode::unavailable, ""},
    {"55P03", ErrorCode::unavailable, "another session holds the row; look for long transactions in pg_stat_activity"},
    {"57014", ErrorCode::unavailable, "the statement took longer than statement_timeout"},
    {"57", ErrorCode::unavailable, ""},
    {"25", ErrorCode::unavailable, "is this the primary? name all hosts in the URL"},
    {"08", ErrorCode::unavailable, ""},
    {"53300", ErrorCode::unavailable, "raise max_connections, lower [store] connections, or put PgBouncer between"},
    {"53100", ErrorCode::unavailable, "free space on the database's disk"},
    {"53", ErrorCode::unavailable, ""},
    {"58", ErrorCode::unavailable, ""},
    {"XX001", ErrorCode::damaged, "the database reports damaged data: see its log, keep its files"},
    {"XX002", ErrorCode::damaged, "the database reports a damaged index: see its log, REINDEX"},
    {"28", ErrorCode::unauthenticated, "check user and password of the store's URL, and pg_hba.conf"},
    {"3D000", ErrorCode::not_found, "create the database, or name another in the store's URL"},
    {"42501", ErrorCode::forbidden, "the database user needs rights on Keyfob's tables"},
    {"26000", ErrorCode::unavailable, "with PgBouncer in transaction mode set [store] pooler = \"transaction\""},
    {"42P05", ErrorCode::unavailable, "with PgBouncer in transaction mode set [store] pooler = \"transaction\""},
    {"23505", ErrorCode::conflict, ""},
    {"22", ErrorCode::invalid_argument, ""},
});

}  // namespace

Remedy remedy_of(std::string_view sqlstate) {
  if (std::ranges::find(kAgain, sqlstate) != kAgain.end()) return Remedy::again;
  if (std::ranges::find(kAnotherServer, sqlstate) != kAnotherServer.end()) return Remedy::another_server;
  return Remedy::none;
}

ErrorCode meaning_of(std::string_view sqlstate) { return error_of(sqlstate, {}).code; }

Error error_of(std::string_view sqlstate, std::string_view message) {
  const auto fits = [&](const Meaning& meaning) { return sqlstate.starts_with(meaning.prefix); };
  const auto* found = std::ranges::find_if(kMeanings, fits);
  std::string what = "PostgreSQL: ";
  what += message;
  what += " (";
  what += sqlstate;
  what += ')';
  if (found == kMeanings.end()) return {ErrorCode::internal, std::move(what), {}, {}};
  return {found->code, std::move(what), found->hint, {}};
}

}  // namespace keyfob::postgres
