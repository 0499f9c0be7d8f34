// What MemoryStore tells beyond the contract: its change feed lists every change.
#include "store/memory/memory_store.hpp"
#include "stores.hpp"

namespace keyfob::contract {
namespace {

class MemoryFeed : public testing::Test {
 protected:
  MemoryFeed() { cursor = run(store.changes_since("")).value().cursor; }
  Changes news() {
    auto changes = run(store.changes_since(cursor)).value();
    cursor = changes.cursor;
    return changes;
  }
  void put(const GrantRecord& record, std::optional<GrantVersion> replaces = std::nullopt) {
    std::vector<PutRequest> requests;
    requests.push_back({record, replaces});
    const auto answers = run(store.put(std::move(requests)));
    ASSERT_THAT(answers->front(), is_ok());
  }

  ManualClock clock;
  MemoryStore store{clock};
  std::string cursor;
};

TEST_F(MemoryFeed, lists_imports_commits_updates_and_removals_but_no_begin) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  const auto imported = news();
  ASSERT_EQ(imported.grants.size(), 1U);
  EXPECT_EQ(imported.grants[0].ref.grant, grant.grant.id);
  EXPECT_EQ(imported.grants[0].user, grant.grant.user);
  EXPECT_EQ(imported.grants[0].vehicles, grant.grant.vehicles);
  EXPECT_FALSE(imported.directory);

  ASSERT_THAT(run(store.begin(begin_request(grant, kNodeA, "attempt-1"))), holds(Begun{}));
  EXPECT_THAT(news().grants, testing::IsEmpty());
  ASSERT_THAT(run(store.commit(commit_request(grant, "new"))), holds(Committed{}));
  EXPECT_EQ(news().grants.size(), 1U);
  ASSERT_THAT(run(store.remove({kApp, grant.grant.id})), is_ok());
  EXPECT_EQ(news().grants.size(), 1U);
}

TEST_F(MemoryFeed, names_the_vehicles_that_a_new_consent_gave_up) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  auto next = grant;
  next.grant.version.epoch = Epoch(2);
  next.grant.vehicles = {VehicleId("other")};
  static_cast<void>(news());
  put(next, grant.grant.version);
  std::vector<VehicleId> named;
  for (const auto changes = news(); const auto& change : changes.grants) {
    named.insert(named.end(), change.vehicles.begin(), change.vehicles.end());
  }
  EXPECT_THAT(named, testing::UnorderedElementsAre(VehicleId("g1-v1"), VehicleId("g1-v2"), VehicleId("other")));
}

TEST_F(MemoryFeed, tells_changes_of_the_directory) {
  std::vector<WrappedDataKey> keys(1);
  keys[0].app = kApp;
  keys[0].wrapped = to_bytes("wrapped");
  ASSERT_THAT(run(store.put_data_keys(std::move(keys))), is_ok());
  EXPECT_TRUE(news().directory);
  EXPECT_FALSE(news().directory);
}

TEST_F(MemoryFeed, says_everything_when_it_no_longer_knows_and_refuses_nonsense) {
  EXPECT_TRUE(run(store.changes_since("999999.0"))->everything);
  EXPECT_THAT(run(store.changes_since("nonsense")), is_error(ErrorCode::invalid_argument));
}

}  // namespace
}  // namespace keyfob::contract
