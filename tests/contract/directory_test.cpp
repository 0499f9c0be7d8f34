// ApplicationStore, CallerStore, DataKeyStore, ConsentStore.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

using testing::IsEmpty;

ApplicationRecord application(const std::string& id, const std::string& name) {
  ApplicationRecord record;
  record.app.id = AppId(id);
  record.app.name = name;
  record.app.provider = "smartcar";
  record.app.client_id = "client of " + id;
  record.app.v3_client_id = "v3 client";
  record.app.mode = Mode::simulated;
  record.app.redirect_uri = "https://example.com/callback";
  record.app.scopes = {"read_odometer", "read_location"};
  record.app.return_to = {"https://example.com/done"};
  record.app.created_at = at(1);
  record.app.updated_at = at(2);
  record.secrets.push_back({SecretPurpose::client_secret, to_bytes("sealed secret"), at(3)});
  record.secrets.push_back({SecretPurpose::management_token, to_bytes("sealed token"), at(4)});
  return record;
}

CallerRecord caller(const std::string& id, const std::string& name) {
  CallerRecord record;
  record.caller.id = CallerId(id);
  record.caller.name = name;
  record.caller.app = kApp;
  record.caller.permissions = {Permission::gateway, Permission::token_read};
  record.caller.users = {UserId("alice"), UserId("7:bob")};
  record.caller.routes = {"GET /v2.0/vehicles/*/odometer"};
  record.caller.expires_at = at(1000);
  record.caller.created_at = at(1);
  record.caller.updated_at = at(2);
  record.secret_hash = to_bytes("hash");
  record.previous_secret_hash = to_bytes("previous");
  record.previous_until = at(50);
  return record;
}

WrappedDataKey data_key(const char* app, std::uint64_t id) {
  WrappedDataKey key;
  key.app = AppId(app);
  key.id = DataKeyId(id);
  key.master = "fingerprint";
  key.wrapped = to_bytes("wrapped " + std::to_string(id));
  key.created_at = at(5);
  return key;
}

ConsentState consent(const char* hash) {
  ConsentState state;
  state.state_hash = to_bytes(hash);
  state.app = kApp;
  state.user = UserId("alice");
  state.return_to = "https://example.com/done";
  state.redirect_uri = "https://keyfob.example.com/connect/callback";
  state.single_select = true;
  state.sealed_verifier = to_bytes("sealed verifier");
  state.expires_at = at(600);
  return state;
}

std::vector<std::uint64_t> primaries(StoreUnderTest& store, const char* app) {
  std::vector<std::uint64_t> ids;
  const auto keys = run(store.keys->data_keys());
  for (const auto& key : keys.value()) {
    if (key.app == AppId(app) && key.primary) ids.push_back(key.id.value());
  }
  return ids;
}

Result<void> put_keys(StoreUnderTest& store, std::vector<WrappedDataKey> keys) {
  return run(store.keys->put_data_keys(std::move(keys)));
}

TEST_P(StoreContract, an_application_comes_back_whole) {
  const auto record = application("app-1", "fleet");
  ASSERT_THAT(run(store->applications->put_application(record)), is_ok());
  const auto all = run(store->applications->applications()).value();
  ASSERT_EQ(all.size(), 1U);
  const Application& app = all[0].app;
  EXPECT_EQ(app.id, record.app.id);
  EXPECT_EQ(app.name, "fleet");
  EXPECT_EQ(app.provider, "smartcar");
  EXPECT_EQ(app.client_id, record.app.client_id);
  EXPECT_EQ(app.v3_client_id, "v3 client");
  EXPECT_EQ(app.mode, Mode::simulated);
  EXPECT_EQ(app.redirect_uri, record.app.redirect_uri);
  EXPECT_EQ(app.scopes, record.app.scopes);
  EXPECT_EQ(app.return_to, record.app.return_to);
  EXPECT_EQ(app.created_at, at(1));
  EXPECT_EQ(app.updated_at, at(2));
  EXPECT_EQ(app.revision, 1U);
  ASSERT_EQ(all[0].secrets.size(), 2U);
  EXPECT_EQ(all[0].secrets[1].purpose, SecretPurpose::management_token);
  EXPECT_EQ(all[0].secrets[1].sealed, to_bytes("sealed token"));
  EXPECT_EQ(all[0].secrets[1].set_at, at(4));
}

TEST_P(StoreContract, changes_of_an_application_are_fenced_by_revision) {
  auto record = application("app-1", "fleet");
  ASSERT_THAT(run(store->applications->put_application(record)), is_ok());
  EXPECT_THAT(run(store->applications->put_application(record)), is_error(ErrorCode::conflict)) << "the id exists";
  record.app.revision = 2;
  record.app.name = "fleet-eu";
  record.secrets.pop_back();
  ASSERT_THAT(run(store->applications->put_application(record)), is_ok());
  EXPECT_THAT(run(store->applications->put_application(record)), is_error(ErrorCode::conflict));
  record.app.revision = 4;
  EXPECT_THAT(run(store->applications->put_application(record)), is_error(ErrorCode::conflict));
  const auto all = run(store->applications->applications()).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].app.name, "fleet-eu");
  EXPECT_EQ(all[0].app.revision, 2U);
  EXPECT_EQ(all[0].secrets.size(), 1U);
}

TEST_P(StoreContract, names_of_applications_are_unique) {
  ASSERT_THAT(run(store->applications->put_application(application("app-1", "fleet"))), is_ok());
  EXPECT_THAT(run(store->applications->put_application(application("app-2", "fleet"))), is_error(ErrorCode::conflict));
  auto second = application("app-2", "rental");
  ASSERT_THAT(run(store->applications->put_application(second)), is_ok());
  second.app.revision = 2;
  second.app.name = "fleet";
  EXPECT_THAT(run(store->applications->put_application(second)), is_error(ErrorCode::conflict));
  auto unknown = application("app-3", "x");
  unknown.app.revision = 2;
  EXPECT_THAT(run(store->applications->put_application(unknown)), is_error(ErrorCode::not_found));
}

TEST_P(StoreContract, removing_an_application_takes_everything_of_it_and_nothing_else) {
  auto foreign = account_grant("g1", "alice");
  foreign.grant.app = AppId("app-2");
  for (const char* id : {"app-1", "app-2"}) {
    ASSERT_THAT(run(store->applications->put_application(application(id, id))), is_ok());
    std::vector<WrappedDataKey> keys;
    keys.push_back(data_key(id, 1));
    ASSERT_THAT(put_keys(*store, std::move(keys)), is_ok());
  }
  const auto own = account_grant("g1", "alice");
  put(own);
  put(foreign);
  ASSERT_THAT(run(store->late->keep_late(pair_for(own, "late"))), is_ok());
  ASSERT_THAT(run(store->callers->put_caller(caller("c1", "one"))), is_ok());
  auto admin = caller("c2", "admin");
  admin.caller.app = AppId();
  ASSERT_THAT(run(store->callers->put_caller(admin)), is_ok());
  ASSERT_THAT(run(store->consents->put_consent(consent("state"))), is_ok());

  ASSERT_THAT(run(store->applications->remove_application(kApp)), is_ok());
  EXPECT_EQ(run(store->applications->applications())->size(), 1U);
  EXPECT_THAT(run(store->reader->load({kApp, own.grant.id})), is_error(ErrorCode::not_found));
  EXPECT_THAT(found({{}, VehicleId("g1-v1")}), IsEmpty());
  EXPECT_THAT(run(store->late->late({kApp, own.grant.id}, Epoch(1))).value(), IsEmpty());
  EXPECT_THAT(run(store->reader->load({AppId("app-2"), foreign.grant.id})), is_ok());
  ASSERT_EQ(run(store->callers->callers())->size(), 1U);
  EXPECT_EQ(run(store->callers->callers())->front().caller.name, "admin");
  EXPECT_THAT(primaries(*store, "app-1"), IsEmpty());
  EXPECT_EQ(primaries(*store, "app-2").size(), 1U);
  EXPECT_THAT(run(store->consents->take_consent(to_bytes("state"), at(0))), is_error(ErrorCode::not_found));
  EXPECT_THAT(run(store->applications->remove_application(kApp)), is_error(ErrorCode::not_found));
}

TEST_P(StoreContract, a_caller_comes_back_whole) {
  const auto record = caller("c1", "backend");
  ASSERT_THAT(run(store->callers->put_caller(record)), is_ok());
  const auto all = run(store->callers->callers()).value();
  ASSERT_EQ(all.size(), 1U);
  const Caller& stored = all[0].caller;
  EXPECT_EQ(stored.id, record.caller.id);
  EXPECT_EQ(stored.name, "backend");
  EXPECT_EQ(stored.app, kApp);
  EXPECT_EQ(stored.permissions, record.caller.permissions);
  EXPECT_EQ(stored.users, record.caller.users);
  EXPECT_EQ(stored.routes, record.caller.routes);
  EXPECT_EQ(stored.expires_at, at(1000));
  EXPECT_FALSE(stored.disabled);
  EXPECT_EQ(stored.created_at, at(1));
  EXPECT_EQ(stored.updated_at, at(2));
  EXPECT_EQ(all[0].secret_hash, record.secret_hash);
  EXPECT_EQ(all[0].previous_secret_hash, record.previous_secret_hash);
  EXPECT_EQ(all[0].previous_until, at(50));
}

TEST_P(StoreContract, a_caller_is_replaced_by_id_and_its_name_is_its_own) {
  auto record = caller("c1", "backend");
  ASSERT_THAT(run(store->callers->put_caller(record)), is_ok());
  record.caller.disabled = true;
  record.caller.expires_at.reset();
  record.previous_until.reset();
  record.previous_secret_hash.clear();
  record.caller.users.clear();
  ASSERT_THAT(run(store->callers->put_caller(record)), is_ok());
  EXPECT_THAT(run(store->callers->put_caller(caller("c2", "backend"))), is_error(ErrorCode::conflict));
  const auto all = run(store->callers->callers()).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].caller.disabled);
  EXPECT_FALSE(all[0].caller.expires_at);
  EXPECT_FALSE(all[0].previous_until);
  EXPECT_THAT(all[0].previous_secret_hash, IsEmpty());
  EXPECT_THAT(all[0].caller.users, IsEmpty());
}

TEST_P(StoreContract, a_new_primary_data_key_demotes_the_old_one_of_its_application_only) {
  std::vector<WrappedDataKey> first;
  first.push_back(data_key("app-1", 1));
  first.push_back(data_key("app-2", 1));
  ASSERT_THAT(put_keys(*store, std::move(first)), is_ok());
  std::vector<WrappedDataKey> second;
  second.push_back(data_key("app-1", 2));
  ASSERT_THAT(put_keys(*store, std::move(second)), is_ok());
  EXPECT_THAT(primaries(*store, "app-1"), testing::ElementsAre(2U));
  EXPECT_THAT(primaries(*store, "app-2"), testing::ElementsAre(1U));
  EXPECT_EQ(run(store->keys->data_keys())->size(), 3U);
}

TEST_P(StoreContract, data_keys_are_rewrapped_in_place_all_or_none) {
  std::vector<WrappedDataKey> keys;
  keys.push_back(data_key("app-1", 1));
  ASSERT_THAT(put_keys(*store, keys), is_ok());
  keys[0].master = "new master";
  keys[0].wrapped = to_bytes("rewrapped");
  auto broken = keys;
  broken.push_back(data_key("app-2", 1));
  broken[1].wrapped.clear();
  EXPECT_THAT(put_keys(*store, broken), is_error(ErrorCode::invalid_argument));
  EXPECT_EQ(run(store->keys->data_keys())->at(0).master, "fingerprint");
  ASSERT_THAT(put_keys(*store, keys), is_ok());
  const auto all = run(store->keys->data_keys()).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].master, "new master");
  EXPECT_EQ(all[0].wrapped, to_bytes("rewrapped"));
  EXPECT_EQ(all[0].created_at, at(5));
  EXPECT_TRUE(all[0].primary);
}

TEST_P(StoreContract, a_consent_state_is_taken_once) {
  const auto state = consent("state");
  ASSERT_THAT(run(store->consents->put_consent(state)), is_ok());
  EXPECT_THAT(run(store->consents->put_consent(state)), is_error(ErrorCode::conflict));
  EXPECT_THAT(run(store->consents->take_consent(to_bytes("other"), at(0))), is_error(ErrorCode::not_found));
  const auto taken = run(store->consents->take_consent(state.state_hash, at(599)));
  ASSERT_THAT(taken, is_ok());
  EXPECT_EQ(taken->state_hash, state.state_hash);
  EXPECT_EQ(taken->app, kApp);
  EXPECT_EQ(taken->user, UserId("alice"));
  EXPECT_EQ(taken->return_to, state.return_to);
  EXPECT_EQ(taken->redirect_uri, state.redirect_uri);
  EXPECT_TRUE(taken->single_select);
  EXPECT_EQ(taken->sealed_verifier, state.sealed_verifier);
  EXPECT_EQ(taken->expires_at, at(600));
  EXPECT_THAT(run(store->consents->take_consent(state.state_hash, at(599))), is_error(ErrorCode::not_found));
}

TEST_P(StoreContract, two_takers_of_one_consent_state_do_not_both_get_it) {
  ASSERT_THAT(run(store->consents->put_consent(consent("state"))), is_ok());
  std::vector<Task<Result<ConsentState>>> takers;
  for (int i = 0; i < 8; ++i) takers.push_back(store->consents->take_consent(to_bytes("state"), at(0)));
  int got = 0;
  for (const auto& taken : run_all(std::move(takers))) got += taken ? 1 : 0;
  EXPECT_EQ(got, 1);
}

TEST_P(StoreContract, an_expired_consent_state_is_gone) {
  ASSERT_THAT(run(store->consents->put_consent(consent("state"))), is_ok());
  EXPECT_THAT(run(store->consents->take_consent(to_bytes("state"), at(600))), is_error(ErrorCode::not_found));
  EXPECT_THAT(run(store->consents->take_consent(to_bytes("state"), at(0))), is_error(ErrorCode::not_found))
      << "removed";
}

}  // namespace
}  // namespace keyfob::contract
