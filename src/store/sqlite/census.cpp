#include "store/sqlite/census.hpp"

#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kCount[] = "SELECT status, count(*), count(attention_reason) FROM grants GROUP BY status";

constexpr char kRenewals[] =
    "SELECT CASE WHEN renew_by < ?1 THEN -1 ELSE min((renew_by - ?1) / 86400000, 1000) END, count(*) FROM grants "
    "WHERE status IN ('active', 'suspect') GROUP BY 1";

/// `add` takes the rows one by one.
template <class Counts, class Add, class... Values>
Result<Counts> count(const std::string& path, const char* sql, Add add, const Values&... values) {
  ConnectionOptions options;
  options.read_only = true;
  auto connection = Connection::open(path, options);
  if (!connection) return fail(connection.error());
  Counts counts;
  {
    auto query = (*connection)->query(sql);
    query.with(values...);
    while (query.step()) add(counts, query);
  }
  if (auto failure = (*connection)->take_failure()) return fail(std::move(*failure));
  return counts;
}

}  // namespace

Result<GrantCounts> count_grants(const std::string& path) {
  const auto add = [](GrantCounts& counts, Query& query) {
    const auto status = grant_status_from(query.text());
    const auto grants = static_cast<std::uint64_t>(query.integer());
    if (status) counts.add(*status, grants);
    counts.attention += static_cast<std::uint64_t>(query.integer());
  };
  return count<GrantCounts>(path, kCount, add);
}

Result<Renewals> count_renewals(const std::string& path, WallTime now) {
  const auto add = [](Renewals& renewals, Query& query) {
    const auto day = query.integer();
    renewals.add(day, static_cast<std::uint64_t>(query.integer()));
  };
  return count<Renewals>(path, kRenewals, add, now);
}

}  // namespace keyfob::sqlite
