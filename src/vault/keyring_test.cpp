#include "vault/keyring.hpp"

#include "vault/vault_fixture.hpp"

namespace keyfob::vault {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsNull;

DataKeyId primary_id(const Keyring& keys, const AppId& app) {
  const DataKey* key = keys.primary(app);
  return key == nullptr ? DataKeyId() : key->id();
}

TEST(Keyring, ANewPrimaryDemotesTheOldOneAndKeepsIt) {
  const KeyringPtr keys = two_apps()->with({kApp, DataKeyId(2), true, raw_key(2)}).value();
  EXPECT_EQ(primary_id(*keys, kApp), DataKeyId(2));
  EXPECT_THAT(keys->ids(kApp), ElementsAre(DataKeyId(1), DataKeyId(2)));
  EXPECT_EQ(primary_id(*keys, kOtherApp), DataKeyId(1));
}

TEST(Keyring, ASnapshotDoesNotChange) {
  const KeyringPtr before = two_apps();
  const KeyringPtr after = before->with({kApp, DataKeyId(2), true, raw_key(2)}).value();
  EXPECT_EQ(primary_id(*before, kApp), DataKeyId(1));
  EXPECT_THAT(before->ids(kApp), ElementsAre(DataKeyId(1)));
}

TEST(Keyring, AKeyThatIsNoLongerPrimaryDoesNotSeal) {
  const KeyringPtr keys = two_apps()->with({kApp, DataKeyId(1), false, raw_key(0x11)}).value();
  EXPECT_THAT(keys->primary(kApp), IsNull());
  EXPECT_THAT(keys->ids(kApp), ElementsAre(DataKeyId(1)));
}

TEST(Keyring, ForgetsAKeyOrAnApplication) {
  const KeyringPtr keys = two_apps()->with({kApp, DataKeyId(2), true, raw_key(2)}).value();
  EXPECT_THAT(keys->without(kApp, DataKeyId(2))->ids(kApp), ElementsAre(DataKeyId(1)));
  EXPECT_THAT(keys->without(kApp, DataKeyId(2))->primary(kApp), IsNull());
  EXPECT_THAT(keys->without(kApp)->ids(kApp), IsEmpty());
  EXPECT_THAT(keys->without(kApp)->ids(kOtherApp), ElementsAre(DataKeyId(1)));
  EXPECT_THAT(keys->without(AppId("nobody"), DataKeyId(1))->ids(kApp), ElementsAre(DataKeyId(1), DataKeyId(2)));
}

TEST(Keyring, TakesAllKeysOrNone) {
  const std::array keys{KeyMaterial{kApp, DataKeyId(2), true, raw_key(2)},
                        KeyMaterial{kApp, DataKeyId(3), true, Secret("too short")}};
  EXPECT_THAT(two_apps()->with(keys), is_error(ErrorCode::invalid_argument));
}

TEST(Keyring, RefusesIdsThatARecordCannotName) {
  EXPECT_THAT(Keyring::empty()->with({kApp, DataKeyId(0), true, raw_key(1)}), is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(Keyring::empty()->with({kApp, DataKeyId(1ULL << 32U), true, raw_key(1)}),
              is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(Keyring::empty()->with({kApp, DataKeyId((1ULL << 32U) - 1), true, raw_key(1)}), is_ok());
}

TEST(WrapContext, DiffersByApplicationAndKey) {
  EXPECT_NE(wrap_context(kApp, DataKeyId(1)), wrap_context(kOtherApp, DataKeyId(1)));
  EXPECT_NE(wrap_context(kApp, DataKeyId(1)), wrap_context(kApp, DataKeyId(2)));
}

TEST(NewDataKey, IsTheRandomBytes) {
  const std::array<std::uint8_t, kDataKeySize> random{1, 2, 3};
  EXPECT_EQ(new_data_key(random), Secret(as_text(random)));
}

}  // namespace
}  // namespace keyfob::vault
