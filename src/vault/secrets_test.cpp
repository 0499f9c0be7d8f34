#include "vault/secrets.hpp"

#include "vault/vault_fixture.hpp"

namespace keyfob::vault {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

constexpr SecretPurpose kPurposes[] = {SecretPurpose::client_secret, SecretPurpose::previous_client_secret,
                                       SecretPurpose::management_token, SecretPurpose::previous_management_token,
                                       SecretPurpose::v3_client_secret};

class SealedSecretTest : public ::testing::Test {
 protected:
  Bytes seal(SecretPurpose purpose) {
    if (purpose == SecretPurpose::management_token || purpose == SecretPurpose::previous_management_token) {
      return seal_secret(*keys_, {kApp, purpose}, ManagementToken("the-token"), nonce_of(1)).value();
    }
    return seal_secret(*keys_, {kApp, purpose}, ClientSecret("the-secret"), nonce_of(1)).value();
  }
  bool opens(SecretPurpose purpose, ByteView sealed) {
    return open_client_secret(*keys_, {kApp, purpose}, sealed).has_value() ||
           open_management_token(*keys_, {kApp, purpose}, sealed).has_value();
  }
  KeyringPtr keys_ = two_apps();
};

TEST_F(SealedSecretTest, OpensForItsOwnPurposeOnly) {
  for (const SecretPurpose sealed_for : kPurposes) {
    for (const SecretPurpose opened_for : kPurposes) {
      EXPECT_EQ(opens(opened_for, seal(sealed_for)), opened_for == sealed_for)
          << to_string(sealed_for) << " opened as " << to_string(opened_for);
    }
  }
}

TEST_F(SealedSecretTest, HoldsWhatWasSealed) {
  EXPECT_EQ(
      open_client_secret(*keys_, {kApp, SecretPurpose::client_secret}, seal(SecretPurpose::client_secret)).value(),
      ClientSecret("the-secret"));
  EXPECT_EQ(
      open_management_token(*keys_, {kApp, SecretPurpose::management_token}, seal(SecretPurpose::management_token))
          .value(),
      ManagementToken("the-token"));
}

TEST_F(SealedSecretTest, TheKindOfASecretMustFitItsPurpose) {
  EXPECT_THAT(seal_secret(*keys_, {kApp, SecretPurpose::management_token}, ClientSecret("x"), nonce_of(1)),
              is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(seal_secret(*keys_, {kApp, SecretPurpose::v3_client_secret}, ManagementToken("x"), nonce_of(1)),
              is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(open_client_secret(*keys_, {kApp, SecretPurpose::management_token}, {}),
              is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(open_management_token(*keys_, {kApp, SecretPurpose::client_secret}, {}),
              is_error(ErrorCode::invalid_argument));
}

TEST_F(SealedSecretTest, DoesNotOpenForAnotherApplicationThatHasTheVeryKey) {
  const KeyringPtr same = keys_->with({kOtherApp, DataKeyId(1), true, raw_key(0x11)}).value();
  EXPECT_THAT(open_client_secret(*same, {kOtherApp, SecretPurpose::client_secret}, seal(SecretPurpose::client_secret)),
              is_damaged());
}

TEST_F(SealedSecretTest, DoesNotOpenWithAnyBitFlippedOrCut) {
  const SecretBinding binding{kApp, SecretPurpose::client_secret};
  const auto refused = [&](const Bytes& forged) {
    EXPECT_THAT(open_client_secret(*keys_, binding, forged), is_damaged());
  };
  for_each_flipped_bit(seal(SecretPurpose::client_secret), refused);
  for_each_truncation(seal(SecretPurpose::client_secret), refused);
}

TEST_F(SealedSecretTest, ResealedOpensWithTheNewKeyAlone) {
  const SecretBinding binding{kApp, SecretPurpose::client_secret};
  const KeyringPtr rotated = keys_->with({kApp, DataKeyId(2), true, raw_key(0x33)}).value();
  const Bytes moved = reseal_secret(*rotated, binding, seal(SecretPurpose::client_secret), nonce_of(2)).value();
  EXPECT_THAT(open_client_secret(*rotated->without(kApp, DataKeyId(1)), binding, moved), is_ok());
}

TEST_F(SealedSecretTest, ABlobOpensForItsPurposeAndSubjectOnly) {
  const Bytes sealed = seal_blob(*keys_, {kApp, "pkce", "state_1"}, Secret("verifier"), nonce_of(1)).value();
  EXPECT_EQ(open_blob(*keys_, {kApp, "pkce", "state_1"}, sealed).value(), Secret("verifier"));
  EXPECT_THAT(open_blob(*keys_, {kApp, "pkce", "state_2"}, sealed), is_damaged());
  EXPECT_THAT(open_blob(*keys_, {kApp, "other", "state_1"}, sealed), is_damaged());
  EXPECT_THAT(open_blob(*keys_, {kOtherApp, "pkce", "state_1"}, sealed), is_damaged());
}

TEST_F(SealedSecretTest, ABlobNeverOpensAsATokenOrSecretOfTheSameName) {
  const Bytes token_like = seal_blob(*keys_, {kApp, "access", "grant_1"}, Secret("x"), nonce_of(1)).value();
  EXPECT_THAT(open_access(*keys_, {kApp, kGrant.view(), {}}, token_like), is_damaged());
  const Bytes secret_like = seal_blob(*keys_, {kApp, "secret/client_secret", ""}, Secret("x"), nonce_of(1)).value();
  EXPECT_THAT(open_client_secret(*keys_, {kApp, SecretPurpose::client_secret}, secret_like), is_damaged());
}

}  // namespace
}  // namespace keyfob::vault
