// Who a connection is by its certificate or uid, and how failures are counted.
#include <gtest/gtest.h>

#include "access/failure_budget.hpp"
#include "access/gate.hpp"

namespace keyfob::access {
namespace {

class StillClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return from_unix_ms(1'700'000'000'000) + passed; }
  [[nodiscard]] BootTime boot() const override { return BootTime(hours(1) + passed); }
  Task<void> sleep(Milliseconds) override { co_return; }
  Milliseconds passed{};
};

CallerRecord caller(const std::string& name, Permission permission = Permission::gateway) {
  CallerRecord record;
  record.caller.id = CallerId("id-of-" + name);
  record.caller.name = name;
  record.caller.app = AppId("fleet");
  record.caller.permissions = {permission};
  record.secret_hash = Bytes(32, 7);
  return record;
}

class IdentityTest : public ::testing::Test {
 protected:
  void update(std::vector<CallerRecord> callers) {
    gate_.update(AccessTable(AccessFacts{std::move(callers), {{AppId("fleet"), "smartcar", false}}}));
  }
  std::string who(const Evidence& evidence) {
    const auto admitted = gate_.admit(evidence);
    if (admitted) return (*admitted)->name;
    return admitted.error() == AccessProblem::throttled ? "throttled" : "nobody";
  }
  std::string by_certificate(std::string_view san) { return who({.certificate_name = san}); }
  std::string by_uid(std::uint32_t uid) { return who({.unix_uid = uid}); }
  std::string by_key(std::string_view peer) { return who({.authorization = "Bearer kf_x_y", .peer = peer}); }

  StillClock clock_;
  Gate gate_{clock_, {0}, {{1000, "backend"}, {1001, "gone"}}};
};

TEST_F(IdentityTest, TheNameInACertificateIsTheCallersAndNothingLikeIt) {
  update({caller("backend"), caller("spiffe://fleet/reports")});
  EXPECT_EQ(by_certificate("backend"), "backend");
  EXPECT_EQ(by_certificate("spiffe://fleet/reports"), "spiffe://fleet/reports");
  for (const char* other : {"", "Backend", "backend.", "backend.example.com", "*", "id-of-backend", "local admin"}) {
    EXPECT_EQ(by_certificate(other), "nobody") << other;
  }
}

TEST_F(IdentityTest, AUidIsTheCallerThatTheConfigurationSays) {
  update({caller("backend")});
  EXPECT_EQ(by_uid(1000), "backend");
  EXPECT_EQ(by_uid(1001), "nobody") << "that caller does not exist";
  EXPECT_EQ(by_uid(1002), "nobody");
  EXPECT_EQ(by_uid(0), "local admin");
}

TEST_F(IdentityTest, ACertificateOrUidGivesNoMoreThanItsCallerMay) {
  CallerRecord record = caller("backend");
  record.caller.users = {UserId("ann")};
  record.caller.routes = {"GET /v2.0/vehicles/*"};
  update({record});
  const auto admission = gate_.admit({.certificate_name = "backend"}).value();
  EXPECT_TRUE(admission->may_see("ann"));
  EXPECT_FALSE(admission->may_see("bob"));
  EXPECT_FALSE(admission->permissions.has(Permission::token_read));
  EXPECT_EQ(admission->routes.size(), 1U);
  EXPECT_EQ(admission->app, AppId("fleet"));
}

TEST_F(IdentityTest, DisabledAndExpiredCallersAreNobodyByAnyWay) {
  CallerRecord disabled = caller("backend");
  disabled.caller.disabled = true;
  update({disabled});
  EXPECT_EQ(by_certificate("backend"), "nobody");
  EXPECT_EQ(by_uid(1000), "nobody");
  CallerRecord expiring = caller("backend");
  expiring.caller.expires_at = clock_.wall() + seconds(1);
  update({expiring});
  EXPECT_EQ(by_certificate("backend"), "backend");
  clock_.passed = seconds(1);
  EXPECT_EQ(by_certificate("backend"), "nobody");
  EXPECT_EQ(by_uid(1000), "nobody");
}

TEST_F(IdentityTest, AWrongKeyIsNotSavedByCertificateOrUid) {
  update({caller("backend")});
  EXPECT_EQ(who({.authorization = "Bearer kf_x_y", .certificate_name = "backend"}), "nobody");
  EXPECT_EQ(who({.authorization = "Bearer kf_x_y", .unix_uid = 1000}), "nobody");
}

TEST_F(IdentityTest, AUnixSocketsUidIsNotReplacedByAName) {
  update({caller("backend")});
  EXPECT_EQ(who({.unix_uid = 1002, .certificate_name = "backend"}), "nobody");
}

TEST_F(IdentityTest, AfterTooManyFailuresNobodyIsAdmittedFromThatAddress) {
  update({caller("backend")});
  for (int i = 0; i < FailureBudget::kBurst; ++i) ASSERT_EQ(by_key("192.0.2.7:" + std::to_string(1000 + i)), "nobody");
  EXPECT_EQ(by_key("192.0.2.7:9"), "throttled");
  EXPECT_EQ(who({.certificate_name = "backend", .peer = "192.0.2.7:9"}), "throttled") << "right or wrong looks alike";
  EXPECT_EQ(by_key("192.0.2.8:9"), "nobody") << "others go on";
  EXPECT_EQ(who({.certificate_name = "backend", .peer = "192.0.2.8:9"}), "backend");
  clock_.passed += FailureBudget::kInterval;
  EXPECT_EQ(by_key("192.0.2.7:9"), "nobody");
  EXPECT_EQ(by_key("192.0.2.7:9"), "throttled");
  clock_.passed += seconds(60);
  EXPECT_EQ(who({.certificate_name = "backend", .peer = "192.0.2.7:9"}), "backend");
}

TEST_F(IdentityTest, SuccessesAndLoopbackAreNotCounted) {
  update({caller("backend")});
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(who({.certificate_name = "backend", .peer = "192.0.2.7:9"}), "backend");
    ASSERT_EQ(by_key("127.0.0.1:9"), "nobody");
    ASSERT_EQ(by_key("[::1]:9"), "nobody");
    ASSERT_EQ(by_key("unix:uid=5"), "nobody");
  }
}

TEST(FailureBudget, CountsAnIpv6NetworkAsOne) {
  FailureBudget budget;
  const BootTime now(hours(1));
  for (int i = 0; i < FailureBudget::kBurst; ++i) {
    budget.failed("[2001:db8:1:2::" + std::to_string(i) + "]:5000", now);
  }
  EXPECT_TRUE(budget.spent("[2001:db8:1:2:ffff::1]:1", now));
  EXPECT_FALSE(budget.spent("[2001:db8:1:3::1]:1", now));
  EXPECT_FALSE(budget.spent("", now));
}

}  // namespace
}  // namespace keyfob::access
