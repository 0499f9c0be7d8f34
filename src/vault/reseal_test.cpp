#include "vault/reseal.hpp"

#include "vault/association.hpp"
#include "vault/vault_fixture.hpp"

namespace keyfob::vault {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

class ResealTest : public ::testing::Test {
 protected:
  ResealTest() {
    record_.grant.app = kApp;
    record_.grant.id = kGrant;
    record_.grant.user = UserId("alice");
    record_.grant.vehicles = {VehicleId("car-a"), VehicleId("car-b")};
    record_.grant.version = kVersion;
    record_.sealed = seal_pair(*old_, binding_of(record_.grant), plain_pair(), pair_nonces()).value();
    record_.association_mac = vault::association_mac(*old_, association_of(record_.grant)).value();
  }
  GrantRecord moved() {
    const ResealedRecord resealed = reseal_record(*rotated_, record_, pair_nonces()).value();
    GrantRecord out = record_;
    out.sealed = resealed.pair;
    out.association_mac = resealed.association_mac;
    return out;
  }

  KeyringPtr old_ = two_apps();
  KeyringPtr rotated_ = old_->with({kApp, DataKeyId(2), true, raw_key(0x33)}).value();
  KeyringPtr without_old_ = rotated_->without(kApp, DataKeyId(1));
  GrantRecord record_;
};

TEST_F(ResealTest, TheWholeRecordOpensWithTheNewKeyAlone) {
  const GrantRecord record = moved();
  EXPECT_THAT(verify_record(*without_old_, record), is_ok());
  EXPECT_THAT(verify_record(*without_old_, record_), is_damaged());
  EXPECT_EQ(open_refresh(*without_old_, binding_of(record.grant), record.sealed.refresh).value(), plain_pair().refresh);
  EXPECT_EQ(data_keys_of(record), std::vector{DataKeyId(2)});
}

TEST_F(ResealTest, ARecordThatWasTamperedWithIsNotVouchedForAnew) {
  GrantRecord repointed = record_;
  repointed.grant.user = UserId("mallory");
  EXPECT_THAT(reseal_record(*rotated_, repointed, pair_nonces()), is_damaged());
  GrantRecord stolen = record_;
  stolen.grant.vehicles.push_back(VehicleId("car-c"));
  EXPECT_THAT(reseal_record(*rotated_, stolen, pair_nonces()), is_damaged());
  GrantRecord flipped = record_;
  flipped.sealed.access.back() ^= 1U;
  EXPECT_THAT(reseal_record(*rotated_, flipped, pair_nonces()), is_damaged());
}

TEST_F(ResealTest, ARevokedGrantHasOnlyItsAssociationToMove) {
  record_.grant.status = GrantStatus::revoked;
  record_.sealed = {};
  const GrantRecord record = moved();
  EXPECT_TRUE(record.sealed.access.empty());
  EXPECT_THAT(verify_record(*without_old_, record), is_ok());
}

TEST_F(ResealTest, ARefreshedGrantKeepsTheOldKeyInItsAssociationUntilItIsMoved) {
  record_.sealed = seal_pair(*rotated_, binding_of(record_.grant), plain_pair(), pair_nonces()).value();
  EXPECT_EQ(data_keys_of(record_), (std::vector{DataKeyId(2), DataKeyId(1)}));
  EXPECT_EQ(data_keys_of(moved()), std::vector{DataKeyId(2)});
}

TEST_F(ResealTest, ALatePairMovesWithItsVersion) {
  KeptPair kept;
  kept.app = kApp;
  kept.grant = kGrant;
  kept.at = kVersion;
  kept.data_key = DataKeyId(1);
  const GrantVersion next{kVersion.generation.next(), kVersion.epoch};
  kept.sealed = seal_pair(*old_, {kApp, kGrant.view(), next}, plain_pair(), pair_nonces()).value();
  const KeptPair fresh = reseal_kept(*rotated_, kept, pair_nonces()).value();
  EXPECT_EQ(fresh.data_key, DataKeyId(2));
  EXPECT_EQ(open_refresh(*without_old_, {kApp, kGrant.view(), next}, fresh.sealed.refresh).value(),
            plain_pair().refresh);
}

TEST_F(ResealTest, EveryRecordBeginsWithTheHeaderOfItsKey) {
  const Bytes header = record_header(DataKeyId(1));
  for (const Bytes* part : {&record_.sealed.access, &record_.sealed.refresh, &record_.association_mac}) {
    EXPECT_TRUE(std::equal(header.begin(), header.end(), part->begin()));
  }
}

TEST_F(ResealTest, AnOlderKeyBecomesPrimaryByName) {
  const KeyringPtr back = rotated_->promoted(kApp, DataKeyId(1));
  EXPECT_EQ(back->primary(kApp)->id(), DataKeyId(1));
  EXPECT_EQ(back->primary(kOtherApp)->id(), DataKeyId(1));
  EXPECT_EQ(rotated_->promoted(kApp, DataKeyId(9))->primary(kApp)->id(), DataKeyId(2))
      << "an unknown key changes nothing";
}

}  // namespace
}  // namespace keyfob::vault
