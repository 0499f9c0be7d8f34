// OutboxStore, and the notices that come with a change of a grant.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kEvents{kEventsDestination};

OutboxRow row_of(const char* id, const char* stream, std::string destination = kEvents) {
  OutboxRow row;
  row.id = id;
  row.destination = std::move(destination);
  row.app = kApp;
  row.stream = stream;
  row.name = "grant.connected";
  row.body = "{\"id\":\"" + std::string(id) + "\"}";
  row.at = at(5);
  return row;
}

Notice notice_of(const char* id, std::vector<GrantStatus> from = {}) { return {row_of(id, "g1"), std::move(from)}; }

std::vector<std::string> ids(const std::vector<ClaimedRow>& rows) {
  std::vector<std::string> all;
  for (const ClaimedRow& row : rows) all.push_back(row.row.id);
  return all;
}

class OutboxContract : public StoreContract {
 protected:
  bool tell(std::vector<OutboxRow> rows, std::optional<Mark> mark = std::nullopt, WallTime now = at(5)) {
    return run(store->outbox->tell(std::move(rows), std::move(mark), now)).value();
  }
  std::vector<ClaimedRow> claim(std::size_t limit = 10, const std::string& destination = kEvents) {
    return run(store->outbox->claim_outbox(destination, limit, seconds(60))).value();
  }
  void settle(std::vector<Settled> rows) { ASSERT_THAT(run(store->outbox->settle_outbox(std::move(rows))), is_ok()); }
  /// Everything that waits, in the order in which it would be delivered; nothing waits afterwards.
  std::vector<std::string> drain() {
    std::vector<std::string> all;
    for (auto rows = claim(); !rows.empty(); rows = claim()) {
      for (const ClaimedRow& row : rows) {
        all.push_back(row.row.id);
        settle({{row.position, std::nullopt}});
      }
    }
    return all;
  }
  Result<void> put_with(PutRequest request) {
    std::vector<PutRequest> one;
    one.push_back(std::move(request));
    return run(store->writer->put(std::move(one))).value().front();
  }
  static GrantRecord next_epoch(GrantRecord record, const char* sealed) {
    record.grant.version.epoch = record.grant.version.epoch.next();
    record.sealed.refresh = to_bytes(sealed);
    return record;
  }
};

TEST_P(OutboxContract, a_row_comes_back_whole_and_is_gone_once_it_is_settled) {
  ASSERT_TRUE(tell({row_of("e1", "g1")}));
  const auto rows = claim();
  ASSERT_EQ(rows.size(), 1U);
  const OutboxRow put = row_of("e1", "g1");
  EXPECT_EQ(rows[0].row.id, put.id);
  EXPECT_EQ(rows[0].row.destination, put.destination);
  EXPECT_EQ(rows[0].row.app, put.app);
  EXPECT_EQ(rows[0].row.stream, put.stream);
  EXPECT_EQ(rows[0].row.name, put.name);
  EXPECT_EQ(rows[0].row.body, put.body);
  EXPECT_EQ(rows[0].row.at, put.at);
  EXPECT_EQ(rows[0].attempts, 1U);
  settle({{rows[0].position, std::nullopt}});
  EXPECT_THAT(run(store->outbox->outbox_depths()).value(), IsEmpty());
  store->advance(hours(1));
  EXPECT_THAT(claim(), IsEmpty());
}

TEST_P(OutboxContract, a_claimed_row_is_nobody_elses_until_its_hold_ends) {
  ASSERT_TRUE(tell({row_of("e1", "g1")}));
  ASSERT_THAT(ids(claim()), ElementsAre("e1"));
  EXPECT_THAT(claim(), IsEmpty());
  store->advance(seconds(61));
  const auto again = claim();
  ASSERT_THAT(ids(again), ElementsAre("e1")) << "whoever held it may have died";
  EXPECT_EQ(again[0].attempts, 2U);
}

TEST_P(OutboxContract, a_stream_waits_for_its_first_row_and_the_others_go_on) {
  ASSERT_TRUE(tell({row_of("a1", "a"), row_of("a2", "a"), row_of("b1", "b"), row_of("b2", "b")}));
  const auto first = claim();
  ASSERT_THAT(ids(first), ElementsAre("a1", "b1"));
  settle({{first[0].position, minutes(5)}, {first[1].position, std::nullopt}});
  const auto second = claim();
  ASSERT_THAT(ids(second), ElementsAre("b2"));
  settle({{second[0].position, std::nullopt}});
  EXPECT_THAT(claim(), IsEmpty()) << "a2 waits behind a1, which waits for its time";
  store->advance(minutes(5) + seconds(1));
  const auto third = claim();
  ASSERT_THAT(ids(third), ElementsAre("a1"));
  settle({{third[0].position, std::nullopt}});
  EXPECT_THAT(ids(claim()), ElementsAre("a2"));
}

TEST_P(OutboxContract, a_claim_is_for_one_destination_and_takes_no_more_than_its_limit) {
  ASSERT_TRUE(tell({row_of("e1", "a"), row_of("e2", "b"), row_of("w1", "a", kApp.str())}));
  EXPECT_THAT(ids(claim(1)), ElementsAre("e1"));
  EXPECT_THAT(ids(claim(10, kApp.str())), ElementsAre("w1"));
  EXPECT_THAT(ids(claim(10)), ElementsAre("e2"));
}

TEST_P(OutboxContract, the_depths_say_what_waits_where_and_since_when) {
  auto old = row_of("e1", "a");
  old.at = at(1);
  ASSERT_TRUE(tell({row_of("e2", "b"), old, row_of("w1", "a", kApp.str())}));
  ASSERT_EQ(claim(1).size(), 1U);
  const auto depths = run(store->outbox->outbox_depths()).value();
  ASSERT_EQ(depths.size(), 2U);
  EXPECT_EQ(depths[0].destination, kApp.str());
  EXPECT_EQ(depths[0].rows, 1U);
  EXPECT_EQ(depths[1].destination, kEvents);
  EXPECT_EQ(depths[1].rows, 2U);
  EXPECT_EQ(depths[1].oldest, at(1));
  EXPECT_EQ(depths[1].attempts, 1U);
}

TEST_P(OutboxContract, with_a_mark_a_thing_is_told_once_until_it_changes_again) {
  const Mark on{kApp, "suspended", at(1000)};
  const Mark off{kApp, "suspended", std::nullopt};
  EXPECT_FALSE(tell({row_of("never", "a")}, off)) << "it was not suspended";
  EXPECT_TRUE(tell({row_of("e1", "a")}, on));
  EXPECT_FALSE(tell({row_of("again", "a")}, on));
  EXPECT_TRUE(tell({row_of("e2", "a")}, off));
  EXPECT_FALSE(tell({row_of("again", "a")}, off));
  EXPECT_TRUE(tell({row_of("e3", "a")}, on));
  EXPECT_THAT(drain(), ElementsAre("e1", "e2", "e3"));
}

TEST_P(OutboxContract, a_mark_is_forgotten_when_its_time_is_over_and_kept_as_long_as_somebody_asked) {
  EXPECT_TRUE(tell({}, Mark{kApp, "seen", at(100)}, at(0)));
  EXPECT_FALSE(tell({}, Mark{kApp, "seen", at(200)}, at(50)));
  EXPECT_FALSE(tell({}, Mark{kApp, "seen", at(120)}, at(150))) << "the later time counts";
  EXPECT_TRUE(tell({}, Mark{kApp, "seen", at(900)}, at(201)));
  EXPECT_TRUE(tell({}, Mark{AppId("another"), "seen", at(900)}, at(201)));
}

TEST_P(OutboxContract, a_commit_tells_its_notices_if_the_status_was_the_one_they_are_about) {
  auto grant = account_grant("g1", "alice");
  grant.grant.status = GrantStatus::suspect;
  put(grant);
  auto request = commit_request(grant, "new");
  request.notices = {notice_of("e1", {GrantStatus::suspect, GrantStatus::needs_reauth}),
                     notice_of("not", {GrantStatus::active}), notice_of("e2")};
  ASSERT_THAT(run(store->refresh->commit(request)), holds(Committed{}));
  EXPECT_THAT(drain(), ElementsAre("e1", "e2"));
}

TEST_P(OutboxContract, a_commit_that_came_too_late_tells_nothing) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(commit(grant, "first"), holds(Committed{}));
  auto request = commit_request(grant, "second");
  request.notices = {notice_of("e1")};
  ASSERT_THAT(run(store->refresh->commit(request)), holds(Moved{}));
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(OutboxContract, a_change_that_two_nodes_make_is_told_once) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  for (const char* id : {"e1", "e2"}) {
    GrantChange change;
    change.status = GrantStatus::suspect;
    change.notices = {notice_of(id, {GrantStatus::active})};
    ASSERT_THAT(update(grant, std::move(change)), holds(Updated{}));
  }
  EXPECT_THAT(drain(), ElementsAre("e1"));
}

TEST_P(OutboxContract, an_update_of_another_version_tells_nothing) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  ASSERT_THAT(commit(grant, "first"), holds(Committed{}));
  GrantChange change;
  change.status = GrantStatus::suspect;
  change.notices = {notice_of("e1")};
  ASSERT_THAT(update(grant, std::move(change)), holds(Moved{}));
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(OutboxContract, forgetting_the_tokens_tells_its_notice) {
  const auto grant = account_grant("g1", "alice");
  put(grant);
  GrantChange change;
  change.status = GrantStatus::revoked;
  change.forget_tokens = true;
  change.association_mac = to_bytes("mac");
  change.notices = {notice_of("e1", {GrantStatus::active})};
  ASSERT_THAT(update(grant, std::move(change)), holds(Updated{}));
  EXPECT_THAT(drain(), ElementsAre("e1"));
}

TEST_P(OutboxContract, a_new_grant_is_told_only_if_it_was_stored) {
  const auto grant = account_grant("g1", "alice");
  PutRequest request{grant};
  request.notices = {notice_of("e1"), notice_of("not", {GrantStatus::suspect})};
  ASSERT_THAT(put_with(request), is_ok());
  request.record.sealed.refresh = to_bytes("another");
  request.notices = {notice_of("twice")};
  ASSERT_THAT(put_with(request), is_error(ErrorCode::conflict));
  EXPECT_THAT(drain(), ElementsAre("e1"));
}

TEST_P(OutboxContract, a_replaced_grant_is_told_by_what_it_was_before) {
  auto grant = account_grant("g1", "alice");
  grant.grant.status = GrantStatus::needs_reauth;
  put(grant);
  auto fresh = next_epoch(grant, "fresh");
  fresh.grant.status = GrantStatus::active;
  PutRequest request{fresh, grant.grant.version};
  request.notices = {notice_of("e1", {GrantStatus::needs_reauth}), notice_of("not", {GrantStatus::active}),
                     notice_of("e2")};
  ASSERT_THAT(put_with(request), is_ok());
  request.record = next_epoch(grant, "too late");
  request.notices = {notice_of("e3"), notice_of("e4", {GrantStatus::active})};
  ASSERT_THAT(put_with(request), is_error(ErrorCode::conflict)) << "the version is another one by now";
  EXPECT_THAT(drain(), ElementsAre("e1", "e2"));
}

TEST_P(OutboxContract, a_put_that_another_grant_is_in_the_way_of_tells_nothing) {
  put(account_grant("g1", "alice"));
  auto other = account_grant("g2", "bob");
  other.grant.status = GrantStatus::suspect;
  put(other);
  auto fresh = next_epoch(other, "fresh");
  fresh.grant.user = UserId("alice");
  fresh.grant.provider_user = account_grant("g1", "alice").grant.provider_user;
  PutRequest request{fresh, other.grant.version};
  request.notices = {notice_of("e1", {GrantStatus::suspect}), notice_of("e2")};
  for (Notice& notice : request.notices) notice.row.stream = "g2";
  ASSERT_THAT(put_with(request), is_error(ErrorCode::conflict));
  EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(OutboxContract, an_application_that_goes_takes_its_webhooks_along_and_leaves_its_events) {
  ApplicationRecord app;
  app.app.id = kApp;
  app.app.name = "fleet";
  app.app.provider = "smartcar";
  app.app.client_id = "id";
  ASSERT_THAT(run(store->applications->put_application(app)), is_ok());
  ASSERT_TRUE(tell({row_of("e1", "a"), row_of("w1", "a", kApp.str())}, Mark{kApp, "seen", at(900)}));
  ASSERT_THAT(run(store->applications->remove_application(kApp)), is_ok());
  EXPECT_THAT(claim(10, kApp.str()), IsEmpty());
  EXPECT_THAT(drain(), ElementsAre("e1"));
  EXPECT_TRUE(tell({}, Mark{kApp, "seen", at(900)})) << "what was seen of it is forgotten, too";
}

TEST_P(OutboxContract, where_webhooks_go_is_kept_with_the_application) {
  ApplicationRecord app;
  app.app.id = kApp;
  app.app.name = "fleet";
  app.app.provider = "smartcar";
  app.app.client_id = "id";
  app.app.webhook_url = "https://backend.example.com/hooks";
  app.secrets.push_back({SecretPurpose::webhook_secret, to_bytes("sealed"), at(1)});
  ASSERT_THAT(run(store->applications->put_application(app)), is_ok());
  const auto all = run(store->applications->applications()).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].app.webhook_url, app.app.webhook_url);
  ASSERT_EQ(all[0].secrets.size(), 1U);
  EXPECT_EQ(all[0].secrets[0].purpose, SecretPurpose::webhook_secret);
}

INSTANTIATE_TEST_SUITE_P(Stores, OutboxContract, testing::ValuesIn(store_factories()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace keyfob::contract
