#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "access/access_table.hpp"
#include "access/gate.hpp"
#include "core/api_key.hpp"

namespace keyfob::access {
namespace {

const AppId kApp("app1");
constexpr WallTime kNow = from_unix_ms(1'800'000'000'000);

class StoppedClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return now; }
  [[nodiscard]] BootTime boot() const override { return {}; }
  Task<void> sleep(Milliseconds) override { co_return; }
  WallTime now = kNow;
};

/// A key whose 32 bytes are all `byte`.
std::string key_text(std::string_view id, std::uint8_t byte) {
  const auto key = make_api_key(CallerId(id), Bytes(32, byte));
  return std::string(reveal_secret(*key));
}

Bytes hash_of(const std::string& key) {
  const auto digest = crypto::sha256(as_bytes(parse_api_key(key)->secret));
  return {digest.begin(), digest.end()};
}

CallerRecord caller_with(std::string_view id, std::uint8_t byte) {
  CallerRecord record;
  record.caller.id = CallerId(id);
  record.caller.name = "backend";
  record.caller.app = kApp;
  record.caller.permissions = {Permission::gateway, Permission::token_read};
  record.secret_hash = hash_of(key_text(id, byte));
  return record;
}

AccessFacts facts_of(CallerRecord record) { return {{std::move(record)}, {{kApp, "smartcar", true}}}; }

constexpr std::string_view kId = "aaaaaaaaaaaa";
const std::string kKey = key_text(kId, 1);

TEST(AccessTable, admits_a_known_key_with_everything_it_may_do) {
  CallerRecord record = caller_with(kId, 1);
  record.caller.users = {UserId("u1")};
  record.caller.routes = {"GET /v2.0/vehicles/*"};
  const AccessTable table(facts_of(record));
  const auto admission = table.find(kKey, kNow);
  ASSERT_NE(admission, nullptr);
  EXPECT_EQ(admission->caller, CallerId(kId));
  EXPECT_EQ(admission->name, "backend");
  EXPECT_EQ(admission->app, kApp);
  EXPECT_EQ(admission->provider, "smartcar");
  EXPECT_TRUE(admission->v3_credentials);
  EXPECT_TRUE(admission->permissions.has(Permission::gateway));
  EXPECT_FALSE(admission->permissions.has(Permission::grant_write));
  EXPECT_TRUE(admission->may_see("u1"));
  EXPECT_FALSE(admission->may_see("u2"));
  EXPECT_EQ(admission->routes.size(), 1U);
}

TEST(AccessTable, refuses_a_wrong_secret_an_unknown_id_and_text_that_is_no_key) {
  const AccessTable table(facts_of(caller_with(kId, 1)));
  EXPECT_EQ(table.find(key_text(kId, 2), kNow), nullptr);
  EXPECT_EQ(table.find(key_text("bbbbbbbbbbbb", 1), kNow), nullptr);
  EXPECT_EQ(table.find("", kNow), nullptr);
  EXPECT_EQ(table.find("kf_aaaaaaaaaaaa_", kNow), nullptr);
}

TEST(AccessTable, an_empty_hash_admits_nobody) {
  CallerRecord record = caller_with(kId, 1);
  record.secret_hash.clear();
  EXPECT_EQ(AccessTable(facts_of(record)).find(kKey, kNow), nullptr);
  record.secret_hash = Bytes(31, 0);
  EXPECT_EQ(AccessTable(facts_of(record)).find(kKey, kNow), nullptr);
}

TEST(AccessTable, refuses_a_disabled_caller) {
  CallerRecord record = caller_with(kId, 1);
  record.caller.disabled = true;
  EXPECT_EQ(AccessTable(facts_of(record)).find(kKey, kNow), nullptr);
}

TEST(AccessTable, refuses_a_caller_without_any_permission) {
  CallerRecord record = caller_with(kId, 1);
  record.caller.permissions.clear();
  EXPECT_EQ(AccessTable(facts_of(record)).find(kKey, kNow), nullptr);
}

TEST(AccessTable, refuses_a_key_from_the_moment_it_expires) {
  CallerRecord record = caller_with(kId, 1);
  record.caller.expires_at = kNow;
  const AccessTable table(facts_of(record));
  EXPECT_NE(table.find(kKey, kNow - Milliseconds(1)), nullptr);
  EXPECT_EQ(table.find(kKey, kNow), nullptr);
}

TEST(AccessTable, both_keys_work_during_a_rotation_and_the_old_one_ends) {
  CallerRecord record = caller_with(kId, 2);
  record.previous_secret_hash = hash_of(kKey);
  record.previous_until = kNow + seconds(10);
  const AccessTable table(facts_of(record));
  const auto fresh = table.find(key_text(kId, 2), kNow);
  const auto old = table.find(kKey, kNow);
  ASSERT_NE(fresh, nullptr);
  ASSERT_NE(old, nullptr);
  EXPECT_FALSE(fresh->expires_at);
  EXPECT_EQ(old->expires_at, kNow + seconds(10));
  EXPECT_EQ(table.find(kKey, kNow + seconds(10)), nullptr);
  EXPECT_NE(table.find(key_text(kId, 2), kNow + seconds(10)), nullptr);
}

TEST(AccessTable, an_old_key_does_not_outlive_the_caller) {
  CallerRecord record = caller_with(kId, 2);
  record.previous_secret_hash = hash_of(kKey);
  record.previous_until = kNow + seconds(10);
  record.caller.expires_at = kNow + seconds(5);
  EXPECT_EQ(AccessTable(facts_of(record)).find(kKey, kNow)->expires_at, kNow + seconds(5));
}

TEST(AccessTable, an_old_key_without_an_end_does_not_work) {
  CallerRecord record = caller_with(kId, 2);
  record.previous_secret_hash = hash_of(kKey);
  EXPECT_EQ(AccessTable(facts_of(record)).find(kKey, kNow), nullptr);
}

TEST(AccessTable, refuses_callers_of_an_application_that_is_gone) {
  AccessFacts facts = facts_of(caller_with(kId, 1));
  facts.applications.clear();
  EXPECT_EQ(AccessTable(facts).find(kKey, kNow), nullptr);
}

TEST(AccessTable, only_an_admin_may_have_no_application) {
  CallerRecord record = caller_with(kId, 1);
  record.caller.app = AppId();
  EXPECT_EQ(AccessTable(facts_of(record)).find(kKey, kNow), nullptr);
  record.caller.permissions = {Permission::admin};
  const auto admission = AccessTable(facts_of(record)).find(kKey, kNow);
  ASSERT_NE(admission, nullptr);
  EXPECT_TRUE(admission->permissions.has(Permission::grant_revoke));
}

class GateTest : public testing::Test {
 protected:
  StoppedClock clock_;
  Gate gate_{clock_, {0, 1000}};

  std::shared_ptr<const Admission> admit(std::string_view authorization, std::optional<std::uint32_t> uid = {}) {
    const Evidence evidence{.authorization = authorization, .unix_uid = uid};
    const auto admitted = gate_.admit(evidence);
    return admitted ? *admitted : nullptr;
  }
};

TEST_F(GateTest, knows_nobody_before_it_got_a_table) {
  EXPECT_EQ(admit("Bearer " + kKey), nullptr);
  EXPECT_EQ(gate_.admit({}).error(), AccessProblem::unauthenticated);
}

TEST_F(GateTest, takes_the_bearer_scheme_in_any_case_and_no_other_scheme) {
  gate_.update(AccessTable(facts_of(caller_with(kId, 1))));
  EXPECT_NE(admit("Bearer " + kKey), nullptr);
  EXPECT_NE(admit("bEARER   " + kKey), nullptr);
  for (const std::string& bad : {kKey, "Basic " + kKey, "Bearer" + kKey, "Bearer\t" + kKey, "Bearer " + kKey + " ",
                                 std::string("Bearer "), std::string("Bearer")}) {
    EXPECT_EQ(admit(bad), nullptr) << bad;
  }
}

std::string basic(std::string_view name, std::string_view password) {
  return "Basic " + to_base64(as_bytes(std::string(name) + ':' + std::string(password)));
}

TEST_F(GateTest, takes_the_key_as_the_password_of_basic_credentials) {
  gate_.update(AccessTable(facts_of(caller_with(kId, 1))));
  EXPECT_NE(admit(basic("default", kKey)), nullptr);
  EXPECT_NE(admit(basic("", kKey)), nullptr);
  for (const std::string& bad : {basic(kKey, ""), basic("default", kKey + "x"), basic("default", ':' + kKey),
                                 "Basic " + to_base64(as_bytes(kKey)), std::string("Basic !")}) {
    EXPECT_EQ(admit(bad), nullptr) << bad;
  }
}

TEST_F(GateTest, a_user_behind_the_key_keeps_the_request_to_that_user) {
  gate_.update(AccessTable(facts_of(caller_with(kId, 1))));
  for (const std::string& header : {"Bearer " + kKey + "~ann", basic("default", kKey + "~ann")}) {
    const auto admission = admit(header);
    ASSERT_NE(admission, nullptr) << header;
    EXPECT_TRUE(admission->may_see("ann"));
    EXPECT_FALSE(admission->may_see("bob"));
  }
  EXPECT_TRUE(admit("Bearer " + kKey + "~a~b")->may_see("a~b"));
  EXPECT_TRUE(admit("Bearer " + kKey)->may_see("bob")) << "the caller itself stays as it was";
  EXPECT_EQ(admit("Bearer " + kKey + "~"), nullptr);
  EXPECT_EQ(admit("Bearer " + kKey + "~" + std::string(257, 'u')), nullptr);
  EXPECT_EQ(admit("Bearer " + key_text(kId, 2) + "~ann"), nullptr);
}

TEST_F(GateTest, a_user_behind_the_key_never_widens) {
  CallerRecord record = caller_with(kId, 1);
  record.caller.users = {UserId("ann"), UserId("bob")};
  gate_.update(AccessTable(facts_of(record)));
  EXPECT_FALSE(admit("Bearer " + kKey + "~ann")->may_see("bob"));
  EXPECT_EQ(admit("Bearer " + kKey + "~cid"), nullptr);
  record.caller.users.clear();
  record.caller.permissions = {Permission::admin};
  gate_.update(AccessTable(facts_of(record)));
  EXPECT_EQ(admit("Bearer " + kKey + "~ann"), nullptr) << "an admin is not kept to anybody";
}

TEST_F(GateTest, a_new_table_takes_effect_at_once_and_changes_the_revision) {
  gate_.update(AccessTable(facts_of(caller_with(kId, 1))));
  const auto before = gate_.revision();
  gate_.update(AccessTable(facts_of(caller_with(kId, 2))));
  EXPECT_NE(gate_.revision(), before);
  EXPECT_EQ(admit("Bearer " + kKey), nullptr);
}

TEST_F(GateTest, time_passes_for_keys_that_expire) {
  CallerRecord record = caller_with(kId, 1);
  record.caller.expires_at = kNow + seconds(1);
  gate_.update(AccessTable(facts_of(record)));
  EXPECT_NE(admit("Bearer " + kKey), nullptr);
  clock_.now += seconds(1);
  EXPECT_EQ(admit("Bearer " + kKey), nullptr);
}

TEST_F(GateTest, configured_uids_are_admins_and_others_are_nobody) {
  for (const std::uint32_t uid : {0U, 1000U}) {
    const auto admission = admit("", uid);
    ASSERT_NE(admission, nullptr) << uid;
    EXPECT_TRUE(admission->permissions.has(Permission::admin));
    EXPECT_TRUE(admission->app.empty());
  }
  EXPECT_EQ(admit("", 1001), nullptr);
}

TEST_F(GateTest, a_wrong_key_is_not_saved_by_the_uid) { EXPECT_EQ(admit("Bearer nonsense", 0), nullptr); }

TEST_F(GateTest, admits_while_tables_are_exchanged) {
  gate_.update(AccessTable(facts_of(caller_with(kId, 1))));
  std::atomic<int> refused = 0;
  std::thread reader([&] {
    for (int i = 0; i < 2000; ++i) refused += admit("Bearer " + kKey) == nullptr ? 1 : 0;
  });
  for (int i = 0; i < 200; ++i) gate_.update(AccessTable(facts_of(caller_with(kId, 1))));
  reader.join();
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace keyfob::access
