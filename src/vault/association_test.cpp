#include "vault/association.hpp"

#include <functional>

#include "vault/vault_fixture.hpp"

namespace keyfob::vault {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

Association an_association() {
  return {kApp,    kGrant, UserId("user_1"), ProviderUserId("owner_1"), {VehicleId("car_a"), VehicleId("car_b")},
          Epoch(2)};
}

class AssociationTest : public ::testing::Test {
 protected:
  KeyringPtr keys_ = two_apps();
  Bytes mac_ = association_mac(*keys_, an_association()).value();

  void expect_refused(const std::function<void(Association&)>& change) {
    Association changed = an_association();
    change(changed);
    EXPECT_THAT(verify_association(*keys_, changed, mac_), is_damaged());
  }
};

TEST_F(AssociationTest, VerifiesWhatItVouchedFor) {
  EXPECT_THAT(verify_association(*keys_, an_association(), mac_), is_ok());
  EXPECT_EQ(mac_.size(), kAssociationMacSize);
}

TEST_F(AssociationTest, RefusesAVehiclePointedAtAnotherGrant) {
  expect_refused([](Association& a) { a.grant = GrantId("grant_2"); });
}
TEST_F(AssociationTest, RefusesAnotherUser) {
  expect_refused([](Association& a) { a.user = UserId("user_2"); });
}
TEST_F(AssociationTest, RefusesAnotherProviderUser) {
  expect_refused([](Association& a) { a.provider_user = ProviderUserId("owner_2"); });
  expect_refused([](Association& a) { a.provider_user = ProviderUserId(); });
}
TEST_F(AssociationTest, RefusesUsersExchanged) {
  expect_refused([](Association& a) {
    a.user = UserId("owner_1");
    a.provider_user = ProviderUserId("user_1");
  });
}
TEST_F(AssociationTest, RefusesAnotherApplication) {
  expect_refused([](Association& a) { a.app = kOtherApp; });
}
TEST_F(AssociationTest, RefusesAnotherEpoch) {
  expect_refused([](Association& a) { a.epoch = Epoch(3); });
}
TEST_F(AssociationTest, RefusesAVehicleMoreLessOrOther) {
  expect_refused([](Association& a) { a.vehicles.push_back(VehicleId("car_c")); });
  expect_refused([](Association& a) { a.vehicles.pop_back(); });
  expect_refused([](Association& a) { a.vehicles.clear(); });
  expect_refused([](Association& a) { a.vehicles[1] = VehicleId("car_c"); });
}
TEST_F(AssociationTest, RefusesVehiclesInAnotherOrderOrJoined) {
  expect_refused([](Association& a) { std::swap(a.vehicles[0], a.vehicles[1]); });
  expect_refused([](Association& a) { a.vehicles = {VehicleId("car_acar_b")}; });
}

TEST_F(AssociationTest, RefusesEveryFlippedBitAndEveryTruncation) {
  const auto refused = [&](const Bytes& forged) {
    EXPECT_THAT(verify_association(*keys_, an_association(), forged), is_damaged());
  };
  for_each_flipped_bit(mac_, refused);
  for_each_truncation(mac_, refused);
  mac_.push_back(0);
  refused(mac_);
}

TEST_F(AssociationTest, VerifiesStillAfterTheDataKeyWasRotated) {
  const KeyringPtr rotated = keys_->with({kApp, DataKeyId(2), true, raw_key(0x33)}).value();
  EXPECT_THAT(verify_association(*rotated, an_association(), mac_), is_ok());
  const Bytes renewed = association_mac(*rotated, an_association()).value();
  EXPECT_EQ(data_key_of(renewed).value(), DataKeyId(2));
  const KeyringPtr retired = rotated->without(kApp, DataKeyId(1));
  EXPECT_THAT(verify_association(*retired, an_association(), renewed), is_ok());
  EXPECT_THAT(verify_association(*retired, an_association(), mac_), is_damaged());
}

TEST_F(AssociationTest, VouchesOnlyForSortedUniqueVehicles) {
  Association twice = an_association();
  twice.vehicles[1] = twice.vehicles[0];
  EXPECT_THAT(association_mac(*keys_, twice), is_error(ErrorCode::invalid_argument));
  Association unsorted = an_association();
  std::swap(unsorted.vehicles[0], unsorted.vehicles[1]);
  EXPECT_THAT(association_mac(*keys_, unsorted), is_error(ErrorCode::invalid_argument));
}

TEST_F(AssociationTest, WantsADataKey) {
  EXPECT_THAT(association_mac(*Keyring::empty(), an_association()), is_error(ErrorCode::not_found));
  EXPECT_THAT(verify_association(*Keyring::empty(), an_association(), mac_), is_damaged());
}

class GrantRecordTest : public ::testing::Test {
 protected:
  GrantRecordTest() {
    const Association a = an_association();
    record_.grant.app = a.app;
    record_.grant.id = a.grant;
    record_.grant.user = a.user;
    record_.grant.provider_user = a.provider_user;
    record_.grant.vehicles = a.vehicles;
    record_.grant.version = {Generation(7), a.epoch};
    record_.sealed = seal_pair(*keys_, binding_of(record_.grant), plain_pair(), pair_nonces()).value();
    record_.association_mac = association_mac(*keys_, a).value();
  }
  KeyringPtr keys_ = two_apps();
  GrantRecord record_;
};

TEST_F(GrantRecordTest, VerifiesWhole) { EXPECT_THAT(verify_record(*keys_, record_), is_ok()); }

TEST_F(GrantRecordTest, IsDamagedWhenItsTokensAreSwapped) {
  std::swap(record_.sealed.access, record_.sealed.refresh);
  EXPECT_THAT(verify_record(*keys_, record_), is_damaged());
}

TEST_F(GrantRecordTest, IsDamagedWhenOneColumnIsRolledBack) {
  record_.sealed.refresh =
      seal_pair(*keys_, {kApp, kGrant.view(), {Generation(6), Epoch(2)}}, plain_pair(), pair_nonces()).value().refresh;
  EXPECT_THAT(verify_record(*keys_, record_), is_damaged());
}

TEST_F(GrantRecordTest, IsDamagedWhenItsVehicleIsRepointed) {
  record_.grant.vehicles[0] = VehicleId("car_9");
  EXPECT_THAT(verify_record(*keys_, record_), is_damaged());
}

TEST_F(GrantRecordTest, IsDamagedWithoutTokensUnlessRevoked) {
  record_.sealed = {};
  EXPECT_THAT(verify_record(*keys_, record_), is_damaged());
  record_.grant.status = GrantStatus::revoked;
  EXPECT_THAT(verify_record(*keys_, record_), is_ok());
}

}  // namespace
}  // namespace keyfob::vault
