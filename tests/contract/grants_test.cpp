// GrantWriter, GrantReader, LatePairs.
#include <algorithm>

#include "stores.hpp"

namespace keyfob::contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Result<void>> put_all(StoreUnderTest& store, std::vector<PutRequest> requests) {
  return run(store.writer->put(std::move(requests))).value();
}

Result<void> put_one(StoreUnderTest& store, GrantRecord record, std::optional<GrantVersion> replaces = std::nullopt) {
  std::vector<PutRequest> requests;
  requests.push_back({std::move(record), replaces});
  return put_all(store, std::move(requests)).at(0);
}

GrantRecord next_consent(GrantRecord record) {
  record.grant.version = {Generation(1), record.grant.version.epoch.next()};
  record.sealed = {to_bytes("access 2"), to_bytes("refresh 2")};
  record.association_mac = to_bytes("mac 2");
  return record;
}

TEST_P(StoreContract, what_was_put_comes_back_whole) {
  auto grant = account_grant("g1", "alice");
  grant.grant.status = GrantStatus::suspect;
  grant.grant.rotated_at = at(1);
  grant.grant.refusals.count = 1;
  grant.grant.refusals.last_at = at(2);
  grant.grant.refusals.reason = "refused";
  grant.grant.vehicles = {VehicleId("3:odd"), VehicleId("with space\nand line")};
  put(grant);
  const auto stored = load(grant);
  EXPECT_EQ(stored.grant.app, kApp);
  EXPECT_EQ(stored.grant.id, grant.grant.id);
  EXPECT_EQ(stored.grant.user, grant.grant.user);
  EXPECT_EQ(stored.grant.provider_user, grant.grant.provider_user);
  EXPECT_EQ(stored.grant.vehicles, grant.grant.vehicles);
  EXPECT_EQ(stored.grant.single_select, false);
  EXPECT_EQ(stored.grant.scope, grant.grant.scope);
  EXPECT_EQ(stored.grant.status, GrantStatus::suspect);
  EXPECT_EQ(stored.grant.version, grant.grant.version);
  EXPECT_EQ(stored.grant.access_expires_at, grant.grant.access_expires_at);
  EXPECT_EQ(stored.grant.refresh_expires_at, grant.grant.refresh_expires_at);
  EXPECT_EQ(stored.grant.created_at, grant.grant.created_at);
  EXPECT_EQ(stored.grant.updated_at, grant.grant.updated_at);
  EXPECT_EQ(stored.grant.rotated_at, grant.grant.rotated_at);
  EXPECT_EQ(stored.grant.due_at, grant.grant.due_at);
  EXPECT_EQ(stored.grant.refusals.count, 1U);
  EXPECT_EQ(stored.grant.refusals.reason, "refused");
  EXPECT_FALSE(stored.grant.attention);
  EXPECT_FALSE(stored.grant.attempt);
  EXPECT_EQ(stored.sealed, grant.sealed);
  EXPECT_EQ(stored.association_mac, grant.association_mac);
}

TEST_P(StoreContract, each_element_of_a_batch_answers_for_itself) {
  put(account_grant("g1", "alice"));
  std::vector<PutRequest> requests;
  requests.push_back({account_grant("g2", "bob"), std::nullopt});
  requests.push_back({account_grant("g1", "alice"), std::nullopt});
  requests.push_back({account_grant("", "nobody"), std::nullopt});
  requests.push_back({account_grant("g3", "carol"), std::nullopt});
  requests.push_back({account_grant("g4", "carol"), std::nullopt});
  const auto answers = put_all(*store, std::move(requests));
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_THAT(answers[0], is_ok());
  EXPECT_THAT(answers[1], is_error(ErrorCode::conflict)) << "it exists";
  EXPECT_THAT(answers[2], is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(answers[3], is_ok());
  EXPECT_THAT(answers[4], is_error(ErrorCode::conflict)) << "carol's account was put by the element before";
  EXPECT_THAT(found({UserId("bob"), {}}), ElementsAre("g2"));
  EXPECT_THAT(found({{}, VehicleId("g4-v1")}), IsEmpty()) << "nothing of a refused element stays";
}

TEST_P(StoreContract, one_grant_per_user_account_and_selected_vehicle) {
  put(account_grant("g1", "alice"));
  EXPECT_THAT(put_one(*store, account_grant("g2", "alice")), is_error(ErrorCode::conflict));
  auto second_account = account_grant("g3", "alice");
  second_account.grant.provider_user = ProviderUserId("another account");
  EXPECT_THAT(put_one(*store, second_account), is_ok());
  EXPECT_THAT(put_one(*store, vehicle_grant("g4", "alice", "v1")), is_ok());
  EXPECT_THAT(put_one(*store, vehicle_grant("g5", "alice", "v1")), is_error(ErrorCode::conflict));
  EXPECT_THAT(put_one(*store, vehicle_grant("g6", "alice", "v2")), is_ok());
  auto other_application = account_grant("g1", "alice");
  other_application.grant.app = AppId("app-2");
  EXPECT_THAT(put_one(*store, other_application), is_ok());
}

TEST_P(StoreContract, a_new_consent_replaces_pair_vehicles_and_attempt) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  ASSERT_THAT(run(store->late->keep_late(pair_for(grant, "late"))), is_ok());
  auto next = next_consent(grant);
  next.grant.vehicles = {VehicleId("g1-v2"), VehicleId("g1-v3")};
  ASSERT_THAT(put_one(*store, next, grant.grant.version), is_ok());

  const auto stored = load(grant);
  EXPECT_EQ(stored.sealed, next.sealed);
  EXPECT_EQ(stored.association_mac, next.association_mac);
  EXPECT_EQ(stored.grant.version, next.grant.version);
  EXPECT_FALSE(stored.grant.attempt);
  EXPECT_THAT(found({{}, VehicleId("g1-v1")}), IsEmpty());
  EXPECT_THAT(found({{}, VehicleId("g1-v2")}), ElementsAre("g1"));
  EXPECT_THAT(found({{}, VehicleId("g1-v3")}), ElementsAre("g1"));
  EXPECT_THAT(run(store->late->late({kApp, grant.grant.id}, Epoch(1))).value(), IsEmpty());
  EXPECT_THAT(commit(grant, "of the old consent"), holds(Moved{}));
}

TEST_P(StoreContract, a_replacement_that_expected_another_version_changes_nothing) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  const auto next = next_consent(grant);
  EXPECT_THAT(put_one(*store, next), is_error(ErrorCode::conflict)) << "it must not have existed";
  EXPECT_THAT(put_one(*store, next, GrantVersion{Generation(2), Epoch(1)}), is_error(ErrorCode::conflict));
  EXPECT_THAT(put_one(*store, account_grant("g9", "zoe"), GrantVersion{Generation(1), Epoch(1)}),
              is_error(ErrorCode::conflict));
  EXPECT_EQ(load(grant).sealed, grant.sealed);
  EXPECT_THAT(found({UserId("zoe"), {}}), IsEmpty());
}

TEST_P(StoreContract, a_replacement_may_not_take_another_grants_place) {
  const auto first = vehicle_grant("g1", "alice", "v1");
  put(first);
  put(vehicle_grant("g2", "alice", "v2"));
  auto next = next_consent(first);
  next.grant.vehicles = {VehicleId("v2")};
  EXPECT_THAT(put_one(*store, next, first.grant.version), is_error(ErrorCode::conflict));
  EXPECT_THAT(found({{}, VehicleId("v1")}), ElementsAre("g1"));
}

TEST_P(StoreContract, removal_leaves_nothing) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(run(store->late->keep_late(pair_for(grant, "late"))), is_ok());
  ASSERT_THAT(run(store->writer->remove({kApp, grant.grant.id})), is_ok());
  EXPECT_THAT(run(store->reader->load({kApp, grant.grant.id})), is_error(ErrorCode::not_found));
  EXPECT_THAT(run(store->writer->remove({kApp, grant.grant.id})), is_error(ErrorCode::not_found));
  EXPECT_THAT(found({{}, VehicleId("g1-v1")}), IsEmpty());
  EXPECT_THAT(put_one(*store, account_grant("g2", "alice")), is_ok()) << "its place is free again";
  EXPECT_THAT(put_one(*store, grant), is_error(ErrorCode::conflict));
  EXPECT_THAT(run(store->late->late({kApp, grant.grant.id}, Epoch(1))).value(), IsEmpty());
}

TEST_P(StoreContract, grants_are_found_by_user_by_vehicle_and_by_both) {
  put(account_grant("g1", "alice"));
  auto shared = account_grant("g2", "bob");
  shared.grant.vehicles = {VehicleId("g1-v1")};
  put(shared);
  EXPECT_THAT(found({UserId("alice"), {}}), ElementsAre("g1"));
  EXPECT_THAT(found({{}, VehicleId("g1-v1")}), testing::UnorderedElementsAre("g1", "g2"));
  EXPECT_THAT(found({UserId("bob"), VehicleId("g1-v1")}), ElementsAre("g2"));
  EXPECT_THAT(found({UserId("bob"), VehicleId("g1-v2")}), IsEmpty());
  EXPECT_THAT(found({UserId("carol"), {}}), IsEmpty());
  EXPECT_THAT(run(store->reader->find(AppId("app-2"), {UserId("alice"), {}})).value(), IsEmpty());
  EXPECT_THAT(run(store->reader->find(kApp, {})), is_error(ErrorCode::invalid_argument));
}

TEST_P(StoreContract, the_most_specific_and_then_the_newest_comes_first) {
  auto old_account = account_grant("g1", "alice");
  old_account.grant.vehicles = {VehicleId("v")};
  auto new_account = account_grant("g2", "bob");
  new_account.grant.vehicles = {VehicleId("v")};
  new_account.grant.created_at = at(50);
  put(old_account);
  put(new_account);
  put(vehicle_grant("g3", "carol", "v"));
  EXPECT_THAT(found({{}, VehicleId("v")}), ElementsAre("g3", "g2", "g1"));
}

TEST_P(StoreContract, a_look_up_shows_at_most_16) {
  for (int i = 0; i < 20; ++i) put(vehicle_grant("g" + std::to_string(i), "user-" + std::to_string(i), "v"));
  EXPECT_EQ(found({{}, VehicleId("v")}).size(), 16U);
}

std::vector<std::string> page_through(StoreUnderTest& store, GrantFilter filter) {
  std::vector<std::string> ids;
  for (int pages = 0; pages < 100; ++pages) {
    const auto page = run(store.reader->list(filter)).value();
    EXPECT_LE(page.grants.size(), filter.limit);
    for (const auto& record : page.grants) ids.push_back(record.grant.app.str() + "/" + record.grant.id.str());
    if (page.next_cursor.empty()) return ids;
    filter.cursor = page.next_cursor;
  }
  ADD_FAILURE() << "paging does not end";
  return ids;
}

TEST_P(StoreContract, paging_shows_each_grant_once_in_the_order_of_their_ids) {
  std::vector<std::string> expected;
  for (const char* app : {"app-1", "app-2"}) {
    for (int i = 0; i < 7; ++i) {
      auto grant = account_grant("g" + std::to_string(i), "user-" + std::to_string(i));
      grant.grant.app = AppId(app);
      put(grant);
      expected.push_back(std::string(app) + "/" + grant.grant.id.str());
    }
  }
  for (const std::size_t limit : {1U, 3U, 7U, 14U, 100U}) {
    GrantFilter everything;
    everything.limit = limit;
    EXPECT_EQ(page_through(*store, everything), expected) << limit;
    GrantFilter one_application;
    one_application.app = AppId("app-2");
    one_application.limit = limit;
    EXPECT_EQ(page_through(*store, one_application), std::vector<std::string>(expected.begin() + 7, expected.end()));
  }
}

TEST_P(StoreContract, lists_are_filtered_by_user_vehicle_and_status) {
  put(account_grant("g1", "alice"));
  auto suspect = account_grant("g2", "bob");
  suspect.grant.status = GrantStatus::suspect;
  suspect.grant.vehicles = {VehicleId("g1-v1")};
  put(suspect);
  GrantFilter filter;
  filter.user = UserId("alice");
  EXPECT_THAT(page_through(*store, filter), ElementsAre("app-1/g1"));
  filter = {};
  filter.vehicle = VehicleId("g1-v1");
  EXPECT_THAT(page_through(*store, filter), ElementsAre("app-1/g1", "app-1/g2"));
  filter.status = GrantStatus::suspect;
  EXPECT_THAT(page_through(*store, filter), ElementsAre("app-1/g2"));
  filter.user = UserId("alice");
  EXPECT_THAT(page_through(*store, filter), IsEmpty());
  filter = {};
  filter.cursor = "nonsense";
  EXPECT_THAT(run(store->reader->list(filter)), is_error(ErrorCode::invalid_argument));
}

TEST_P(StoreContract, late_pairs_are_kept_newest_first_until_they_are_dropped) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  auto older = pair_for(grant, "older");
  auto newer = pair_for(grant, "newer");
  newer.received_at = at(11);
  newer.scope = "read_location";
  ASSERT_THAT(run(store->late->keep_late(newer)), is_ok());
  ASSERT_THAT(run(store->late->keep_late(older)), is_ok());
  ASSERT_THAT(run(store->late->keep_late(older)), is_ok()) << "keeping twice is keeping once";
  auto pairs = run(store->late->late({kApp, grant.grant.id}, Epoch(1))).value();
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].sealed, newer.sealed);
  EXPECT_EQ(pairs[0].at, newer.at);
  EXPECT_EQ(pairs[0].scope, "read_location");
  EXPECT_EQ(pairs[0].data_key, DataKeyId(7));
  EXPECT_EQ(pairs[0].access_expires_at, newer.access_expires_at);
  EXPECT_EQ(pairs[0].refresh_expires_at, newer.refresh_expires_at);
  EXPECT_EQ(pairs[0].received_at, at(11));
  EXPECT_EQ(pairs[1].sealed, older.sealed);
  EXPECT_THAT(run(store->late->late({kApp, grant.grant.id}, Epoch(2))).value(), IsEmpty());

  ASSERT_THAT(run(store->late->drop_late(newer)), is_ok());
  ASSERT_THAT(run(store->late->drop_late(newer)), is_ok());
  pairs = run(store->late->late({kApp, grant.grant.id}, Epoch(1))).value();
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].sealed, older.sealed);
}

TEST_P(StoreContract, a_late_pair_of_nobody_is_not_kept) {
  EXPECT_THAT(run(store->late->keep_late(pair_for(account_grant("g1", "alice"), "x"))), is_error(ErrorCode::not_found));
}

TEST_P(StoreContract, many_owners_are_looked_up_at_once_in_the_order_asked) {
  put(account_grant("g1", "alice"));
  put(vehicle_grant("g2", "alice", "car"));
  put(account_grant("g3", "bob"));
  const auto all =
      run(store->owners->find_owners(kApp, {UserId("bob"), UserId("nobody"), UserId("alice"), UserId("bob")})).value();
  ASSERT_EQ(all.size(), 4U);
  ASSERT_EQ(all[0].size(), 1U);
  EXPECT_EQ(all[0][0].grant.id, GrantId("g3"));
  EXPECT_EQ(all[0][0].sealed, account_grant("g3", "bob").sealed);
  EXPECT_THAT(all[1], IsEmpty());
  EXPECT_EQ(all[2].size(), 2U);
  EXPECT_EQ(all[3].size(), 1U);
  EXPECT_THAT(run(store->owners->find_owners(kApp, {})).value(), IsEmpty());
}

Reassociation reassociation_of(const GrantRecord& record) {
  return {{record.grant.app, record.grant.id}, record.grant.version, ProviderUserId("owner-9"),
          {record.grant.vehicles.back()},      to_bytes("mac 9"),    at(33)};
}

TEST_P(StoreContract, a_grant_is_told_whose_it_is_and_its_attempt_and_pair_stay) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  const auto outcome = run(store->associations->reassociate(reassociation_of(grant)));
  ASSERT_THAT(outcome, holds(Updated{}));
  const auto stored = load(grant);
  for (const auto& record : {std::get<Updated>(*outcome).record, stored}) {
    EXPECT_EQ(record.grant.provider_user, ProviderUserId("owner-9"));
    EXPECT_THAT(record.grant.vehicles, ElementsAre(VehicleId("g1-v2")));
    EXPECT_EQ(record.association_mac, to_bytes("mac 9"));
    EXPECT_EQ(record.grant.updated_at, at(33));
    EXPECT_EQ(record.grant.version, grant.grant.version);
    EXPECT_EQ(record.sealed, grant.sealed);
    EXPECT_TRUE(record.grant.attempt);
  }
  EXPECT_THAT(found({.vehicle = VehicleId("g1-v1")}), IsEmpty());
  EXPECT_THAT(found({.vehicle = VehicleId("g1-v2")}), ElementsAre("g1"));
  EXPECT_THAT(commit(grant, "pair"), holds(Committed{}));  // what was under way still lands
}

TEST_P(StoreContract, reassociation_is_fenced_by_version_and_by_who_is_there) {
  auto grant = account_grant("g1", "alice");
  put(grant);
  auto stale = reassociation_of(grant);
  stale.at.generation = stale.at.generation.next();
  EXPECT_THAT(run(store->associations->reassociate(std::move(stale))), holds(Moved{}));
  auto other = account_grant("g2", "alice");
  other.grant.provider_user = ProviderUserId("owner-9");
  put(other);
  EXPECT_THAT(run(store->associations->reassociate(reassociation_of(grant))), is_error(ErrorCode::conflict));
  EXPECT_EQ(load(grant).association_mac, grant.association_mac);
  auto missing = reassociation_of(account_grant("g7", "carol"));
  EXPECT_THAT(run(store->associations->reassociate(std::move(missing))), is_error(ErrorCode::not_found));
}

}  // namespace
}  // namespace keyfob::contract
