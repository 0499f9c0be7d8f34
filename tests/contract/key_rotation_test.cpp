// ResealStore, DataKeyChange, DataKeyHolders.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const AppId kOther{"app-2"};

class KeyRotationContract : public StoreContract {
 protected:
  void SetUp() override {
    if (store->reseal == nullptr) GTEST_SKIP() << "this store has no key rotation yet";
  }

  static ResealedGrant resealed(const GrantRecord& record) {
    ResealedGrant out;
    out.ref = {record.grant.app, record.grant.id};
    out.at = record.grant.version;
    out.was = {record.sealed, record.association_mac};
    out.now = {{to_bytes("access, key 2"), to_bytes("refresh, key 2")}, to_bytes("mac, key 2")};
    return out;
  }
  std::size_t reseal(std::vector<ResealedGrant> grants) {
    return run(store->reseal->reseal(std::move(grants))).value();
  }
  std::size_t reseal(const ResealedGrant& grant) {
    std::vector<ResealedGrant> one;
    one.push_back(grant);
    return reseal(std::move(one));
  }

  static WrappedDataKey key(const AppId& app, std::uint64_t id, bool primary, const char* bytes = "wrapped") {
    WrappedDataKey out;
    out.app = app;
    out.id = DataKeyId(id);
    out.master = "fingerprint";
    out.wrapped = to_bytes(bytes);
    out.primary = primary;
    out.created_at = at(5);
    return out;
  }
  Result<void> change(const AppId& app, std::vector<WrappedDataKey> before, std::vector<WrappedDataKey> after) {
    return run(store->key_change->change_data_keys(app, std::move(before), std::move(after)));
  }
  Result<void> retire(const AppId& app, std::uint64_t id) {
    return run(store->key_change->retire_data_key({app, DataKeyId(id)}));
  }
  void hold(const char* node, std::vector<DataKeyRef> keys, WallTime now = at(1)) {
    ASSERT_THAT(run(store->key_holders->hold_data_keys(NodeId(node), std::move(keys), now)), is_ok());
  }
  std::vector<DataKeyHolder> holders() { return run(store->key_holders->data_key_holders()).value(); }
  std::vector<WrappedDataKey> keys() { return run(store->keys->data_keys()).value(); }
};

TEST_P(KeyRotationContract, resealing_changes_the_sealed_bytes_and_nothing_else) {
  const auto record = account_grant("g1", "alice");
  put(record);
  const ResealedGrant grant = resealed(record);
  EXPECT_EQ(reseal(grant), 1U);
  const GrantRecord stored = load(record);
  EXPECT_EQ(stored.sealed, grant.now.pair);
  EXPECT_EQ(stored.association_mac, grant.now.association_mac);
  EXPECT_EQ(stored.grant.version, record.grant.version);
  EXPECT_EQ(stored.grant.updated_at, record.grant.updated_at);
  EXPECT_EQ(stored.grant.due_at, record.grant.due_at);
  EXPECT_EQ(stored.grant.status, GrantStatus::active);
  EXPECT_EQ(reseal(grant), 0U) << "what it was sealed as is gone";
}

TEST_P(KeyRotationContract, a_grant_that_rotated_meanwhile_is_not_resealed) {
  const auto record = account_grant("g1", "alice");
  put(record);
  const ResealedGrant stale = resealed(record);
  ASSERT_THAT(commit(record, "newer"), is_ok());
  EXPECT_EQ(reseal(stale), 0U);
  EXPECT_EQ(load(record).sealed, pair_for(record, "newer").sealed);
}

TEST_P(KeyRotationContract, a_grant_that_was_imported_meanwhile_is_not_resealed) {
  const auto record = account_grant("g1", "alice");
  put(record);
  ResealedGrant stale = resealed(record);
  stale.at.epoch = stale.at.epoch.next();
  EXPECT_EQ(reseal(stale), 0U);
  stale = resealed(record);
  stale.was.association_mac = to_bytes("another");
  EXPECT_EQ(reseal(stale), 0U);
  EXPECT_EQ(load(record).sealed, record.sealed);
}

TEST_P(KeyRotationContract, a_grant_that_is_being_refreshed_is_not_resealed) {
  const auto record = account_grant("g1", "alice");
  put(record);
  ASSERT_THAT(begin(record, kNodeA, "attempt-1"), is_ok());
  EXPECT_EQ(reseal(resealed(record)), 0U);
  store->advance(kLease * 2);
  EXPECT_EQ(reseal(resealed(record)), 0U) << "whoever takes the attempt over compares sealed bytes, too";
}

TEST_P(KeyRotationContract, a_refresh_that_began_before_the_resealing_commits) {
  const auto record = account_grant("g1", "alice");
  put(record);
  ASSERT_EQ(reseal(resealed(record)), 1U);
  ASSERT_THAT(begin(record, kNodeA, "attempt-1"), is_ok());
  EXPECT_THAT(commit(record, "newer"), is_ok());
  EXPECT_EQ(load(record).sealed, pair_for(record, "newer").sealed);
}

TEST_P(KeyRotationContract, a_batch_takes_what_it_can) {
  const auto one = account_grant("g1", "alice");
  const auto two = account_grant("g2", "bob");
  put(one);
  put(two);
  ASSERT_THAT(commit(one, "newer"), is_ok());
  std::vector<ResealedGrant> batch;
  batch.push_back(resealed(one));
  batch.push_back(resealed(two));
  EXPECT_EQ(reseal(std::move(batch)), 1U);
  EXPECT_EQ(load(two).association_mac, to_bytes("mac, key 2"));
}

TEST_P(KeyRotationContract, late_pairs_are_found_by_their_data_key_and_replaced) {
  const auto record = account_grant("g1", "alice");
  put(record);
  const KeptPair old = pair_for(record, "late");
  ASSERT_THAT(run(store->late->keep_late(old)), is_ok());
  EXPECT_THAT(run(store->reseal->late_under({kApp, DataKeyId(6)}, 10)).value(), IsEmpty());
  EXPECT_THAT(run(store->reseal->late_under({kOther, DataKeyId(7)}, 10)).value(), IsEmpty());
  const auto found = run(store->reseal->late_under({kApp, DataKeyId(7)}, 10)).value();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].sealed, old.sealed);
  EXPECT_EQ(found[0].at, old.at);
  EXPECT_EQ(found[0].refresh_expires_at, old.refresh_expires_at);
  KeptPair fresh = found[0];
  fresh.sealed = {to_bytes("a, key 8"), to_bytes("r, key 8")};
  fresh.data_key = DataKeyId(8);
  EXPECT_TRUE(run(store->reseal->replace_late(old, fresh)).value());
  EXPECT_FALSE(run(store->reseal->replace_late(old, fresh)).value()) << "it is gone";
  const auto late = run(store->late->late({kApp, record.grant.id}, Epoch(1))).value();
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late[0].sealed, fresh.sealed);
  EXPECT_EQ(late[0].data_key, DataKeyId(8));
  EXPECT_EQ(late[0].received_at, old.received_at);
}

TEST_P(KeyRotationContract, consents_under_a_key_are_seen_until_they_expire) {
  ConsentState state;
  state.state_hash = to_bytes("hash");
  state.app = kApp;
  state.user = UserId("alice");
  state.sealed_verifier = {1, 0, 0, 0, 7, 99};
  state.expires_at = at(600);
  ASSERT_THAT(run(store->consents->put_consent(state)), is_ok());
  const Bytes key7{1, 0, 0, 0, 7};
  const Bytes key8{1, 0, 0, 0, 8};
  EXPECT_TRUE(run(store->reseal->consents_under(kApp, key7, at(599))).value());
  EXPECT_FALSE(run(store->reseal->consents_under(kApp, key7, at(600))).value());
  EXPECT_FALSE(run(store->reseal->consents_under(kApp, key8, at(0))).value());
  EXPECT_FALSE(run(store->reseal->consents_under(kOther, key7, at(0))).value());
}

TEST_P(KeyRotationContract, data_keys_change_only_from_what_was_seen) {
  ASSERT_THAT(change(kApp, {}, {key(kApp, 1, true)}), is_ok());
  ASSERT_THAT(change(kOther, {}, {key(kOther, 1, true)}), is_ok());
  ASSERT_THAT(change(kApp, {key(kApp, 1, true)}, {key(kApp, 1, false), key(kApp, 2, true)}), is_ok());
  EXPECT_THAT(change(kApp, {key(kApp, 1, true)}, {key(kApp, 1, false), key(kApp, 2, true, "mine")}),
              is_error(ErrorCode::conflict))
      << "somebody else rotated first, and may have sealed with his key 2 already";
  EXPECT_EQ(keys().at(1).wrapped, to_bytes("wrapped"));
  EXPECT_THAT(keys(), SizeIs(3));
}

TEST_P(KeyRotationContract, all_data_keys_are_rewrapped_together_or_not_at_all) {
  ASSERT_THAT(change(kApp, {}, {key(kApp, 1, true)}), is_ok());
  ASSERT_THAT(change(kOther, {}, {key(kOther, 1, true)}), is_ok());
  const auto before = keys();
  auto after = before;
  for (auto& one : after) one.master = "new master";
  EXPECT_THAT(change({}, {before[0]}, {after[0]}), is_error(ErrorCode::conflict)) << "one is missing";
  auto broken = after;
  broken[1].wrapped.clear();
  EXPECT_THAT(change({}, before, broken), is_error(ErrorCode::invalid_argument));
  EXPECT_EQ(keys().at(0).master, "fingerprint");
  ASSERT_THAT(change({}, before, after), is_ok());
  EXPECT_EQ(keys().at(0).master, "new master");
  EXPECT_EQ(keys().at(1).master, "new master");
  EXPECT_EQ(keys().at(0).created_at, at(5));
}

TEST_P(KeyRotationContract, an_application_keeps_exactly_one_primary) {
  EXPECT_THAT(change(kApp, {}, {key(kApp, 1, false)}), is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(change(kApp, {}, {key(kApp, 1, true), key(kApp, 2, true)}), is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(change(kApp, {}, {key(kApp, 1, true), key(kApp, 1, false)}), is_error(ErrorCode::invalid_argument));
}

TEST_P(KeyRotationContract, a_data_key_is_retired_when_nothing_names_it) {
  const auto record = account_grant("g1", "alice");
  put(record);
  ASSERT_THAT(change(kApp, {}, {key(kApp, 7, false), key(kApp, 8, true)}), is_ok());
  EXPECT_THAT(retire(kApp, 8), is_error(ErrorCode::conflict)) << "primary";
  EXPECT_THAT(retire(kApp, 9), is_error(ErrorCode::not_found));
  EXPECT_THAT(retire(kOther, 7), is_error(ErrorCode::not_found));
  hold("node-a", {{kApp, DataKeyId(7)}, {kApp, DataKeyId(8)}});
  EXPECT_THAT(retire(kApp, 7), is_error(ErrorCode::conflict)) << "held";
  hold("node-a", {{kApp, DataKeyId(8)}});
  ASSERT_THAT(run(store->late->keep_late(pair_for(record, "late"))), is_ok());
  EXPECT_THAT(retire(kApp, 7), is_error(ErrorCode::conflict)) << "a late pair";
  ASSERT_THAT(run(store->late->drop_late(pair_for(record, "late"))), is_ok());
  EXPECT_THAT(retire(kApp, 7), is_ok());
  ASSERT_THAT(keys(), SizeIs(1));
  EXPECT_EQ(keys()[0].id, DataKeyId(8));
}

TEST_P(KeyRotationContract, what_a_node_holds_replaces_what_it_held) {
  hold("node-a", {{kApp, DataKeyId(1)}, {kOther, DataKeyId(1)}}, at(1));
  hold("node-b", {{kApp, DataKeyId(1)}}, at(2));
  EXPECT_THAT(holders(), SizeIs(3));
  hold("node-a", {{kApp, DataKeyId(2)}}, at(3));
  const auto now = holders();
  ASSERT_THAT(now, SizeIs(2));
  EXPECT_EQ(now[0].node, NodeId("node-b"));
  EXPECT_EQ(now[0].since, at(2));
  EXPECT_EQ(now[1].key.id, DataKeyId(2));
  EXPECT_EQ(now[1].since, at(3));
  hold("node-a", {});
  EXPECT_THAT(holders(), SizeIs(1));
}

TEST_P(KeyRotationContract, a_removed_application_is_held_by_nobody) {
  ApplicationRecord record;
  record.app.id = kApp;
  record.app.name = "fleet";
  ASSERT_THAT(run(store->applications->put_application(record)), is_ok());
  hold("node-a", {{kApp, DataKeyId(1)}, {kOther, DataKeyId(1)}});
  ASSERT_THAT(run(store->applications->remove_application(kApp)), is_ok());
  ASSERT_THAT(holders(), SizeIs(1));
  EXPECT_EQ(holders()[0].key.app, kOther);
}

INSTANTIATE_TEST_SUITE_P(Stores, KeyRotationContract, testing::ValuesIn(store_factories()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace keyfob::contract
