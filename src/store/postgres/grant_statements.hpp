#pragma once
// What PostgresStore asks of grants: one function per question, each one statement or a few that need no answer of each
// other, so that any number of them can go in one transaction and one round trip.

#include <string>
#include <vector>

#include "ports/associations.hpp"
#include "store/postgres/async.hpp"

namespace keyfob::postgres {

/// Which process wrote a row: its own changes are no news to it.
using WriterId = std::int64_t;

[[nodiscard]] Question load_question(const GrantRef& ref);
[[nodiscard]] Question find_question(const AppId& app, const GrantSelector& selector);
/// Grants of `filter` behind `after`; `app` is one application.
struct PagePosition {
  std::string app;
  std::string grant;
};
[[nodiscard]] Question page_question(const GrantFilter& filter, const PagePosition& after, std::size_t limit);
[[nodiscard]] Question next_application_question(const std::string& app);

/// Answers the row as it is now, or none: not as expected, look again.
[[nodiscard]] Question begin_question(const BeginRequest& request);
/// A row beside others, without its notices: none is answered also when one of them would have to be told.
[[nodiscard]] Question commit_question(const CommitRequest& request, WriterId writer);
/// The same with its notices, in a transaction of statements.
[[nodiscard]] Question telling_commit_question(const CommitRequest& request, WriterId writer);
struct UpdateRequest {
  GrantRef ref;
  GrantVersion at;
  GrantChange change;
  WallTime wall;
};
[[nodiscard]] Question update_question(const UpdateRequest& request, WriterId writer);
/// Counts of successes that are too old to matter.
[[nodiscard]] Call forget_counts(const AppId& app, std::int64_t minute);
[[nodiscard]] std::int64_t minute_of(WallTime t);

/// One row when it was stored.
[[nodiscard]] Call put_call(const PutRequest& request, WriterId writer);
[[nodiscard]] Question reassociate_question(const Reassociation& request, WriterId writer);
[[nodiscard]] Question remove_question(const GrantRef& ref, WriterId writer);

/// One row when it was kept, or had been already; none: no such grant of this epoch.
[[nodiscard]] Question keep_late_question(const KeptPair& pair);
[[nodiscard]] Question late_question(const GrantRef& ref, Epoch epoch);
[[nodiscard]] std::vector<KeptPair> read_late(Rows& rows, const GrantRef& ref);
[[nodiscard]] Question drop_late_question(const KeptPair& pair);

/// No calls when nothing is asked for.
[[nodiscard]] Question claim_due_question(const std::vector<DueShare>& shares, WallTime now, Milliseconds hold);
[[nodiscard]] std::vector<GrantRecord> read_claimed(std::span<Rows> shares);
[[nodiscard]] Question outlook_question(const AppId& app, WallTime now, std::size_t count_at_most);
[[nodiscard]] DueOutlook read_outlook(std::span<Rows> rows);
[[nodiscard]] Question abandoned_question(const NodeIdentity& node, std::size_t limit);

[[nodiscard]] Question health_question(const GrantRef& asking, WallTime since);
[[nodiscard]] RefreshHealth read_health(std::span<Rows> rows);
[[nodiscard]] Question reopen_question(const AppId& app, WallTime since, WallTime due_at, WriterId writer);

}  // namespace keyfob::postgres
