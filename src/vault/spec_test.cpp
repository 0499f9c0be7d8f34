// The worked example of docs/spec/sealed-record.md, read out of the document: once through the code, once by hand.
#include <fstream>
#include <map>
#include <string>

#include "vault/association.hpp"
#include "vault/data_key.hpp"
#include "vault/vault_fixture.hpp"

namespace keyfob::vault {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

class SealedRecordSpec : public ::testing::Test {
 protected:
  SealedRecordSpec() {
    std::ifstream document(KEYFOB_SPEC);
    bool inside = false;
    for (std::string line; std::getline(document, line);) {
      if (line.starts_with("```")) inside = line == "```example";
      const auto at = line.find(" = ");
      if (inside && at != std::string::npos) values_[line.substr(0, at)] = line.substr(at + 3);
    }
  }
  [[nodiscard]] Bytes hex(const std::string& name) const { return from_hex(values_.at(name)).value_or(Bytes{}); }
  [[nodiscard]] Nonce nonce(const std::string& name) const {
    Nonce out{};
    std::ranges::copy(hex(name), out.begin());
    return out;
  }
  [[nodiscard]] KeyringPtr keys() const {
    return Keyring::empty()->with({app_, DataKeyId(1), true, Secret(as_text(hex("data_key")))}).value();
  }
  [[nodiscard]] std::string open_by_hand(const std::string& which) const {
    const Bytes record = hex(which + "_record");
    const auto key = crypto::XaesKey::from_bytes(hex("sealing_key")).value();
    const Bytes content =
        key.open(nonce(which + "_nonce"), hex(which + "_aad"), ByteView(record).subspan(1 + 4 + 24)).value();
    return std::string(as_text(content));
  }

  std::map<std::string, std::string> values_;
  AppId app_{"fleet"};
  GrantId grant_{"gr_7c4f"};
  TokenPair pair_{AccessToken("11111111-2222-3333-4444-555555555555"),
                  RefreshToken("66666666-7777-8888-9999-000000000000")};
  PairBinding binding_{app_, grant_.view(), {Generation(7), Epoch(2)}};
  Association association_{
      app_, grant_, UserId("user-42"), ProviderUserId("owner-9"), {VehicleId("car-a"), VehicleId("car-b")}, Epoch(2)};
};

TEST_F(SealedRecordSpec, SealingGivesTheBytesOfTheDocument) {
  const PairNonces nonces{nonce("access_nonce"), nonce("refresh_nonce")};
  const SealedPair sealed = seal_pair(*keys(), binding_, pair_, nonces).value();
  EXPECT_EQ(to_hex(sealed.access), values_.at("access_record"));
  EXPECT_EQ(to_hex(sealed.refresh), values_.at("refresh_record"));
}

TEST_F(SealedRecordSpec, OpeningTheBytesOfTheDocumentGivesTheTokens) {
  EXPECT_EQ(open_access(*keys(), binding_, hex("access_record")).value(), pair_.access);
  EXPECT_EQ(open_refresh(*keys(), binding_, hex("refresh_record")).value(), pair_.refresh);
}

TEST_F(SealedRecordSpec, TheDocumentsStepsByHandGiveTheTokens) {
  EXPECT_EQ(open_by_hand("access"), "11111111-2222-3333-4444-555555555555");
  EXPECT_EQ(open_by_hand("refresh"), "66666666-7777-8888-9999-000000000000");
}

TEST_F(SealedRecordSpec, TheKeysAreDerivedAsTheDocumentSays) {
  const auto sealing = crypto::derive_key(hex("data_key"), "keyfob/1/sealing");
  const auto association = crypto::derive_key(hex("data_key"), "keyfob/1/association");
  EXPECT_EQ(to_hex(sealing.bytes()), values_.at("sealing_key"));
  EXPECT_EQ(to_hex(association.bytes()), values_.at("association_key"));
}

TEST_F(SealedRecordSpec, TheAssociationMacIsTheDocuments) {
  EXPECT_EQ(to_hex(association_mac(*keys(), association_).value()), values_.at("association_mac"));
  const crypto::Digest by_hand = crypto::hmac_sha256(hex("association_key"), hex("association_data"));
  EXPECT_EQ("0100000001" + to_hex(by_hand), values_.at("association_mac"));
}

TEST_F(SealedRecordSpec, TheWrapContextIsTheDocuments) {
  EXPECT_EQ(to_hex(wrap_context(app_, DataKeyId(1))), values_.at("wrap_context"));
}

}  // namespace
}  // namespace keyfob::vault
