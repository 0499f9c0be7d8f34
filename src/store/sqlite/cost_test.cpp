// What each statement costs in pages must not depend on how many grants there are that it is not about.
#include <gtest/gtest.h>

#include "store/sqlite/cost_fixture.hpp"

namespace keyfob::sqlite {
namespace {

constexpr std::size_t kFewPages = 60;

class Cost : public testing::Test {
 protected:
  template <class Body>
  void costs_few_pages(const char* what, Body body) {
    static_cast<void>(body());  // preparing the statement reads the schema
    const auto before = connection->page_reads();
    const auto answer = body();
    EXPECT_TRUE(answer) << what;
    EXPECT_LE(connection->page_reads() - before, kFewPages) << what;
    EXPECT_FALSE(connection->failed()) << what;
  }
  [[nodiscard]] StoreTime now() const { return file.now(); }

  FilledFile file{20'000};
  const std::unique_ptr<Connection>& connection = file.connection;
};

TEST_F(Cost, of_a_look_up_is_flat) {
  const auto some = make_grant(12'345).grant;
  costs_few_pages("load", [&] { return load(*connection, {kApp, some.id}, now()); });
  costs_few_pages("by user", [&] { return find(*connection, kApp, {some.user, {}}, now()); });
  costs_few_pages("by vehicle", [&] { return find(*connection, kApp, {{}, some.vehicles[0]}, now()); });
  costs_few_pages("by both", [&] { return find(*connection, kApp, {some.user, some.vehicles[0]}, now()); });
  for (const auto& app : {kApp, AppId()}) {
    GrantFilter filter;
    filter.app = app;
    filter.limit = 10;
    costs_few_pages("first page", [&] { return list(*connection, filter, now()); });
    filter.status = GrantStatus::needs_reauth;
    costs_few_pages("list by status", [&] { return list(*connection, filter, now()); });
    filter.status = {};
    filter.user = some.user;
    costs_few_pages("list by user", [&] { return list(*connection, filter, now()); });
    filter.vehicle = some.vehicles[0];
    costs_few_pages("list by both", [&] { return list(*connection, filter, now()); });
    filter.user = {};
    costs_few_pages("list by vehicle", [&] { return list(*connection, filter, now()); });
  }
}

TEST_F(Cost, of_background_work_does_not_depend_on_what_is_not_due) {
  costs_few_pages("nothing due",
                  [&] { return claim_due(*connection, {{{kApp, 100, 50}}, at(999), minutes(1)}, now()); });
  costs_few_pages("a few due", [&] { return claim_due(*connection, {{{kApp, 2, 1}}, at(1001), hours(10)}, now()); });
  const NodeIdentity node{NodeId("node"), Incarnation(1)};
  costs_few_pages("abandoned", [&] { return abandoned(*connection, node, 100, now()); });
  costs_few_pages("health", [&] { return health(*connection, {kApp, GrantId("g1")}, at(0)); });
  costs_few_pages("reopen", [&] { return reopen_refused(*connection, kApp, at(0), at(0)); });
}

TEST_F(Cost, of_a_refresh_is_flat) {
  auto record = make_grant(12'345);
  const GrantRef ref{kApp, record.grant.id};
  costs_few_pages("begin", [&] {
    BeginRequest request;
    request.ref = ref;
    request.at = record.grant.version;
    request.attempt = AttemptId("attempt");
    request.node = {NodeId("node"), Incarnation(1)};
    request.lease = seconds(15);
    return begin(*connection, request, now());
  });
  costs_few_pages("commit", [&] {
    CommitRequest request;
    request.pair.app = kApp;
    request.pair.grant = record.grant.id;
    request.pair.at = record.grant.version;
    request.pair.sealed = record.sealed;
    request.rotated_at = at(1);
    request.due_at = at(5000);
    record.grant.version.generation = record.grant.version.generation.next();
    return commit(*connection, request, now());
  });
  costs_few_pages("update", [&] {
    GrantChange change;
    change.status = GrantStatus::suspect;
    return update(*connection, {ref, record.grant.version, change, at(2)}, now());
  });
  costs_few_pages("late", [&] { return late(*connection, ref, Epoch(1)); });
}

}  // namespace
}  // namespace keyfob::sqlite
