// What a tick of the due queue costs, counted in steps of SQLite's machine and in pages: never in time.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "store/sqlite/cost_fixture.hpp"

namespace keyfob::sqlite {
namespace {

struct TickCost {
  std::size_t steps = 0;
  std::size_t pages = 0;
  std::size_t claimed = 0;
};

/// One tick: look for abandoned attempts, claim what is due, look at the queue.
TickCost tick(FilledFile& file, WallTime wall) {
  Connection& connection = *file.connection;
  const NodeIdentity node{NodeId("node"), Incarnation(1)};
  const Claim work{{{kApp, 50, 25}}, wall, minutes(1)};
  const auto round = [&] {
    connection.execute("BEGIN IMMEDIATE");
    const auto attempts = abandoned(connection, node, 512, file.now());
    const auto claimed = claim_due(connection, work, file.now());
    const auto waiting = outlook(connection, kApp, wall, 10'000);
    EXPECT_TRUE(attempts && claimed && waiting);
    connection.execute("ROLLBACK");
    return claimed ? claimed->size() : 0;
  };
  static_cast<void>(round());  // prepares the statements
  TickCost cost;
  const std::size_t steps = connection.statement_steps();
  const std::size_t pages = connection.page_reads();
  cost.claimed = round();
  cost.steps = connection.statement_steps() - steps;
  cost.pages = connection.page_reads() - pages;
  EXPECT_FALSE(connection.failed());
  return cost;
}

/// A million takes a minute to fill: `make soak` asks for it.
std::vector<int> sizes() {
  std::vector<int> sizes = {1'000, 10'000, 50'000};
  if (std::getenv("KEYFOB_SOAK") != nullptr) sizes = {1'000, 100'000, 1'000'000};
  return sizes;
}

TEST(DueCost, ATickStepsAsOftenWhateverTheNumberOfGrantsThatAreNotDue) {
  std::vector<TickCost> idle;
  std::vector<TickCost> busy;
  for (const int grants : sizes()) {
    FilledFile file(grants);
    idle.push_back(tick(file, at(999)));
    busy.push_back(tick(file, at(1019)));
    std::printf("%6d grants: nothing due %zu steps, %zu pages; %zu due %zu steps, %zu pages\n", grants,
                idle.back().steps, idle.back().pages, busy.back().claimed, busy.back().steps, busy.back().pages);
  }
  for (std::size_t i = 0; i < idle.size(); ++i) {
    EXPECT_EQ(idle[i].claimed, 0U);
    EXPECT_EQ(busy[i].claimed, 20U);
    EXPECT_EQ(idle[i].steps, idle[0].steps);
    EXPECT_EQ(busy[i].steps, busy[0].steps);
    EXPECT_LE(idle[i].pages, idle[0].pages + 10) << "a tree may be deeper";
    EXPECT_LE(busy[i].pages, busy[0].pages + 150);
  }
  EXPECT_LT(idle[0].steps, 200U);
}

TEST(DueCost, ABacklogCostsNoMoreThanWhatIsTakenOutOfIt) {
  FilledFile file(20'000);
  const TickCost some = tick(file, at(1000 + 99));
  const TickCost all = tick(file, at(1'000'000));
  EXPECT_EQ(some.claimed, 50U);
  EXPECT_EQ(all.claimed, 50U);
  EXPECT_LT(all.steps, some.steps + 100'000) << "counting 10000 of them is the rest";
}

std::string plan_of(Connection& connection, const char* explain) {
  std::string plan;
  auto query = connection.query(explain);
  while (query.step()) {
    query.skip(3);
    plan += std::string(query.text()) + "\n";
  }
  return plan;
}

TEST(DueCost, EachStatementOfATickWalksItsOwnIndexAndSortsNothing) {
  FilledFile file(10);
  using Case = std::pair<const char*, std::string_view>;
  for (const auto& [sql, index] : {
           Case{"EXPLAIN QUERY PLAN SELECT * FROM grants g WHERE g.app_id = ? AND g.status <> 'revoked' AND "
                "g.due_at <= ? ORDER BY g.due_at LIMIT ?",
                "SEARCH g USING INDEX grants_due (app_id=? AND due_at<?)"},
           Case{"EXPLAIN QUERY PLAN SELECT * FROM grants g WHERE g.app_id = ? AND g.status IN ('suspect', 'revoking') "
                "AND g.due_at <= ? ORDER BY g.due_at LIMIT ?",
                "SEARCH g USING INDEX grants_unsettled (app_id=? AND due_at<?)"},
           Case{"EXPLAIN QUERY PLAN SELECT renew_by FROM grants WHERE app_id = ? AND status IN ('active', 'suspect') "
                "AND renew_by <= ? ORDER BY renew_by LIMIT 1",
                "INDEX grants_renew_by (app_id=? AND renew_by<?)"},
           Case{"EXPLAIN QUERY PLAN SELECT * FROM grants g WHERE g.attempt_id IS NOT NULL AND g.lease_boot <> ? "
                "ORDER BY g.lease_until_boot_ms DESC LIMIT ?",
                "SCAN g USING INDEX grants_attempts"},
       }) {
    const std::string plan = plan_of(*file.connection, sql);
    EXPECT_NE(plan.find(index), std::string::npos) << plan;
    EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << plan;
  }
}

}  // namespace
}  // namespace keyfob::sqlite
