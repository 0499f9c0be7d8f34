#include "vault/pair.hpp"

#include "vault/vault_fixture.hpp"

namespace keyfob::vault {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using ::testing::Each;

class SealedPairTest : public ::testing::Test {
 protected:
  KeyringPtr keys_ = two_apps();
  PairBinding binding_{kApp, kGrant.view(), kVersion};
  SealedPair sealed_ = seal_pair(*keys_, binding_, plain_pair(), pair_nonces()).value();

  void expect_neither_opens(const Keyring& keys, const PairBinding& binding) {
    EXPECT_THAT(open_access(keys, binding, sealed_.access), is_damaged());
    EXPECT_THAT(open_refresh(keys, binding, sealed_.refresh), is_damaged());
  }
};

TEST_F(SealedPairTest, OpensWhatItSealed) {
  EXPECT_EQ(open_access(*keys_, binding_, sealed_.access).value(), AccessToken("the-access-token"));
  EXPECT_EQ(open_refresh(*keys_, binding_, sealed_.refresh).value(), RefreshToken("the-refresh-token"));
}

TEST_F(SealedPairTest, ShowsNothingOfTheTokens) {
  EXPECT_EQ(as_text(sealed_.access).find("access"), std::string_view::npos);
  EXPECT_EQ(as_text(sealed_.refresh).find("refresh"), std::string_view::npos);
}

TEST_F(SealedPairTest, AddsTheSizeItSaysItAdds) {
  EXPECT_EQ(sealed_.access.size(), std::string_view("the-access-token").size() + kRecordOverhead);
}

TEST_F(SealedPairTest, DoesNotOpenInTheOtherColumn) {
  EXPECT_THAT(open_access(*keys_, binding_, sealed_.refresh), is_damaged());
  EXPECT_THAT(open_refresh(*keys_, binding_, sealed_.access), is_damaged());
}

TEST_F(SealedPairTest, DoesNotOpenForAnotherGrant) {
  const GrantId other("grant_2");
  expect_neither_opens(*keys_, {kApp, other.view(), kVersion});
}

TEST_F(SealedPairTest, DoesNotOpenForAnotherGeneration) {
  expect_neither_opens(*keys_, {kApp, kGrant.view(), {kVersion.generation.next(), kVersion.epoch}});
  expect_neither_opens(*keys_, {kApp, kGrant.view(), {Generation(6), kVersion.epoch}});
}

TEST_F(SealedPairTest, DoesNotOpenForAnotherEpoch) {
  expect_neither_opens(*keys_, {kApp, kGrant.view(), {kVersion.generation, kVersion.epoch.next()}});
}

TEST_F(SealedPairTest, DoesNotOpenWithEpochAndGenerationExchanged) {
  expect_neither_opens(*keys_, {kApp, kGrant.view(), {Generation(2), Epoch(7)}});
}

TEST_F(SealedPairTest, DoesNotOpenForAnotherApplication) {
  expect_neither_opens(*keys_, {kOtherApp, kGrant.view(), kVersion});
}

TEST_F(SealedPairTest, DoesNotOpenForAnotherApplicationThatHasTheVeryKey) {
  const KeyringPtr same = keys_->with({kOtherApp, DataKeyId(1), true, raw_key(0x11)}).value();
  expect_neither_opens(*same, {kOtherApp, kGrant.view(), kVersion});
}

TEST_F(SealedPairTest, DoesNotOpenWhereNamesOnlyLookTheSameWhenJoined) {
  const AppId app("app_1g");
  const GrantId grant("rant_1");
  const KeyringPtr same = keys_->with({app, DataKeyId(1), true, raw_key(0x11)}).value();
  expect_neither_opens(*same, {app, grant.view(), kVersion});
}

TEST_F(SealedPairTest, DoesNotOpenWithAnyBitFlipped) {
  for_each_flipped_bit(sealed_.access,
                       [&](const Bytes& forged) { EXPECT_THAT(open_access(*keys_, binding_, forged), is_damaged()); });
  for_each_flipped_bit(sealed_.refresh,
                       [&](const Bytes& forged) { EXPECT_THAT(open_refresh(*keys_, binding_, forged), is_damaged()); });
}

TEST_F(SealedPairTest, DoesNotOpenTruncatedOrExtended) {
  for_each_truncation(sealed_.access,
                      [&](const Bytes& cut) { EXPECT_THAT(open_access(*keys_, binding_, cut), is_damaged()); });
  Bytes longer = sealed_.access;
  longer.push_back(0);
  EXPECT_THAT(open_access(*keys_, binding_, longer), is_damaged());
}

TEST_F(SealedPairTest, NamesAnUnknownVersion) {
  sealed_.access[0] = 2;
  const auto opened = open_access(*keys_, binding_, sealed_.access);
  ASSERT_THAT(opened, is_damaged());
  EXPECT_THAT(opened.error().what, ::testing::HasSubstr("version 2"));
}

TEST_F(SealedPairTest, NamesAnUnknownDataKey) {
  const KeyringPtr other = Keyring::empty()->with({kApp, DataKeyId(9), true, raw_key(0x11)}).value();
  expect_neither_opens(*other, binding_);
  EXPECT_THAT(open_access(*other, binding_, sealed_.access).error().what, ::testing::HasSubstr("data key 1"));
}

TEST_F(SealedPairTest, DoesNotOpenWithAnotherKeyOfTheSameId) {
  const KeyringPtr other = Keyring::empty()->with({kApp, DataKeyId(1), true, raw_key(0x12)}).value();
  expect_neither_opens(*other, binding_);
}

TEST_F(SealedPairTest, DoesNotOpenUnderTheSameKeyByAnotherId) {
  const KeyringPtr renamed = Keyring::empty()->with({kApp, DataKeyId(2), true, raw_key(0x11)}).value();
  sealed_.access[4] = 2;
  sealed_.refresh[4] = 2;
  expect_neither_opens(*renamed, binding_);
}

TEST_F(SealedPairTest, OpensStillAfterTheDataKeyWasRotatedAndSealsWithTheNewOne) {
  const KeyringPtr rotated = keys_->with({kApp, DataKeyId(2), true, raw_key(0x33)}).value();
  EXPECT_THAT(open_access(*rotated, binding_, sealed_.access), is_ok());
  const SealedPair next = seal_pair(*rotated, binding_, plain_pair(), pair_nonces()).value();
  EXPECT_EQ(data_key_of(sealed_.access).value(), DataKeyId(1));
  EXPECT_EQ(data_key_of(next.access).value(), DataKeyId(2));
}

TEST_F(SealedPairTest, ResealedOpensWithTheNewKeyAlone) {
  const KeyringPtr rotated = keys_->with({kApp, DataKeyId(2), true, raw_key(0x33)}).value();
  const SealedPair moved = reseal_pair(*rotated, binding_, sealed_, pair_nonces()).value();
  const KeyringPtr retired = rotated->without(kApp, DataKeyId(1));
  EXPECT_EQ(open_refresh(*retired, binding_, moved.refresh).value(), RefreshToken("the-refresh-token"));
  expect_neither_opens(*retired, binding_);
}

TEST_F(SealedPairTest, ADamagedPairIsNotResealed) {
  sealed_.refresh.back() ^= 1U;
  EXPECT_THAT(reseal_pair(*keys_, binding_, sealed_, pair_nonces()), is_damaged());
}

TEST_F(SealedPairTest, AnAbsentAccessTokenIsSealedLikeAnyOther) {
  const TokenPair half{AccessToken(), RefreshToken("only")};
  const SealedPair sealed = seal_pair(*keys_, binding_, half, pair_nonces()).value();
  EXPECT_TRUE(open_access(*keys_, binding_, sealed.access).value().empty());
  EXPECT_EQ(open_refresh(*keys_, binding_, sealed.refresh).value(), RefreshToken("only"));
}

TEST_F(SealedPairTest, AnApplicationWithoutDataKeySealsNothing) {
  EXPECT_THAT(seal_pair(*keys_->without(kApp), binding_, plain_pair(), pair_nonces()), is_error(ErrorCode::not_found));
}

TEST_F(SealedPairTest, AnIdThatIsTooLongSealsNothingAndOpensNothing) {
  const GrantId longest(std::string(kMaxBoundText, 'g'));
  const GrantId too_long(std::string(kMaxBoundText + 1, 'g'));
  EXPECT_THAT(seal_pair(*keys_, {kApp, longest.view(), kVersion}, plain_pair(), pair_nonces()), is_ok());
  EXPECT_THAT(seal_pair(*keys_, {kApp, too_long.view(), kVersion}, plain_pair(), pair_nonces()),
              is_error(ErrorCode::invalid_argument));
  expect_neither_opens(*keys_, {kApp, too_long.view(), kVersion});
}

TEST_F(SealedPairTest, TheHotPathWritesTheAccessToken) {
  std::array<char, 64> out{};
  const std::size_t size = open_access_into(*keys_, binding_, sealed_.access, out).value();
  EXPECT_EQ(std::string_view(out.data(), size), "the-access-token");
}

TEST_F(SealedPairTest, TheHotPathOpensNoRefreshToken) {
  std::array<char, 64> out;
  out.fill('x');
  EXPECT_THAT(open_access_into(*keys_, binding_, sealed_.refresh, out), is_damaged());
  EXPECT_THAT(std::span(out).first(std::string_view("the-refresh-token").size()), Each('\0'));
}

TEST_F(SealedPairTest, TheHotPathWantsRoom) {
  std::array<char, 15> out{};
  EXPECT_THAT(open_access_into(*keys_, binding_, sealed_.access, out), is_error(ErrorCode::invalid_argument));
}

}  // namespace
}  // namespace keyfob::vault
