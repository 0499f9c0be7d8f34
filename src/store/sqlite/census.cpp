#include "store/sqlite/census.hpp"

#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {
namespace {

constexpr char kCount[] = "SELECT status, count(*), count(attention_reason) FROM grants GROUP BY status";

constexpr char kRenewals[] =
    "SELECT CASE WHEN renew_by < ?1 THEN -1 ELSE min((renew_by - ?1) / 86400000, 1000) END, count(*) FROM grants "
    "WHERE status IN ('active', 'suspect') GROUP BY 1";

}  // namespace

Result<GrantCounts> count_grants(const std::string& path) {
  ConnectionOptions options;
  options.read_only = true;
  auto connection = Connection::open(path, options);
  if (!connection) return fail(connection.error());
  GrantCounts counts;
  {
    auto query = (*connection)->query(kCount);
    while (query.step()) {
      const auto status = grant_status_from(query.text());
      const auto grants = static_cast<std::uint64_t>(query.integer());
      if (status) counts.add(*status, grants);
      counts.attention += static_cast<std::uint64_t>(query.integer());
    }
  }
  if (auto failure = (*connection)->take_failure()) return fail(std::move(*failure));
  return counts;
}

Result<Renewals> count_renewals(const std::string& path, WallTime now) {
  ConnectionOptions options;
  options.read_only = true;
  auto connection = Connection::open(path, options);
  if (!connection) return fail(connection.error());
  Renewals renewals;
  {
    auto query = (*connection)->query(kRenewals);
    query.with(now);
    while (query.step()) {
      const auto day = query.integer();
      renewals.add(day, static_cast<std::uint64_t>(query.integer()));
    }
  }
  if (auto failure = (*connection)->take_failure()) return fail(std::move(*failure));
  return renewals;
}

}  // namespace keyfob::sqlite
