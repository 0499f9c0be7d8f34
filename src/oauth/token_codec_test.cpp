#include "oauth/token_codec.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "core/limits.hpp"
#include "oauth/profiles.hpp"

namespace keyfob::oauth {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr WallTime kNow = from_unix_ms(1'767'225'600'000);  // 2026-01-01T00:00:00Z

std::string read_file(const std::string& name) {
  std::ifstream in(std::string(KEYFOB_TESTDATA "/") + name, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

ProviderProfile smartcar() { return *builtin_profile("smartcar"); }

ProviderProfile plain_with_optional_rotation() {
  return *make_profile("acme", {.token_url = "https://id.acme.example/token", .rotation = Rotation::optional});
}

TokenRequest refresh_request(std::string_view token = "the-old-refresh-token") {
  return {.provider = "smartcar",
          .client_id = "the-client-id",
          .client_secret = ClientSecret("the-client-secret"),
          .grant = RefreshGrant{RefreshToken(token)}};
}

TokenRequest request_for(std::string_view grant) {
  TokenRequest request = refresh_request();
  if (grant == "code") request.grant = CodeGrant{Secret("the-secret-code-value"), "https://a.example/cb"};
  if (grant == "client_credentials") request.grant = ClientCredentialsGrant{};
  return request;
}

std::string_view header(const EncodedRequest& request, std::string_view name) {
  for (const auto& [known, value] : request.headers) {
    if (known == name) return value;
  }
  return "";
}

std::string wire(const EncodedRequest& request) {
  std::string out = "POST " + std::string(request.target) + " HTTP/1.1\nHost: " + request.origin.substr(8) + "\n";
  for (const auto& [name, value] : request.headers) out += name + ": " + std::string(value) + "\n";
  return out + "\n" + std::string(request.body);
}

// ---- requests

TEST(TokenEncoderTest, QueryStyleIsTheGuidesRequestByteForByte) {
  ProviderProfile profile = smartcar();
  profile.client_auth = ClientAuth::query;
  const TokenRequest request{.provider = "smartcar",
                             .client_id = "8229df9f-91a0-4ff0-a1ae-a1f38ee24d07",
                             .client_secret = ClientSecret("4d1bd9b4-1c1c-4d0f-9d0a-5f1f2b1d3c5e"),
                             .grant = RefreshGrant{RefreshToken("7d7d7d7d-2222-4b4b-9c9c-3d3d3d3d3d3d")}};
  std::string expected = read_file("guide_request.txt");
  expected.replace(expected.find("{version}"), 9, KEYFOB_VERSION);
  const auto encoded = encode_request(profile, request);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(wire(*encoded), expected);
}

TEST(TokenEncoderTest, BasicStylePutsNoSecretIntoUrlOrBodyButTheGrant) {
  const auto encoded = encode_request(smartcar(), refresh_request());
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->origin, "https://auth.smartcar.com");
  EXPECT_EQ(encoded->target, "/oauth/token");
  EXPECT_EQ(encoded->body, "grant_type=refresh_token&refresh_token=the-old-refresh-token");
  EXPECT_EQ(header(*encoded, "Authorization"), "Basic dGhlLWNsaWVudC1pZDp0aGUtY2xpZW50LXNlY3JldA==");
  EXPECT_EQ(header(*encoded, "Content-Length"), "60");
  EXPECT_EQ(header(*encoded, "User-Agent"), "Keyfob/" KEYFOB_VERSION);
}

TEST(TokenEncoderTest, BasicCredentialsAreFormEncodedFirst) {
  TokenRequest request = refresh_request();
  request.client_id = "a:b c";
  request.client_secret = ClientSecret("p%q+r");
  const auto encoded = encode_request(smartcar(), request);
  EXPECT_EQ(header(*encoded, "Authorization"), "Basic YSUzQWIlMjBjOnAlMjVxJTJCcg==");  // a%3Ab%20c:p%25q%2Br
}

TEST(TokenEncoderTest, BodyStyleIsWhatTheRubySdkSends) {
  ProviderProfile profile = smartcar();
  profile.client_auth = ClientAuth::body;
  const auto encoded = encode_request(profile, refresh_request("a&b=c"));
  EXPECT_EQ(encoded->body,
            "grant_type=refresh_token&refresh_token=a%26b%3Dc&client_id=the-client-id&client_secret=the-client-secret");
  EXPECT_EQ(header(*encoded, "Authorization"), "");
}

TEST(TokenEncoderTest, CodeGrantCarriesRedirectUriAndVerifierWhenThereAreAny) {
  TokenRequest request = refresh_request();
  request.grant = CodeGrant{Secret("c0de"), "https://a.example/cb?x=1", Secret("v3rifier")};
  EXPECT_EQ(encode_request(smartcar(), request)->body,
            "grant_type=authorization_code&code=c0de&redirect_uri=https%3A%2F%2Fa.example%2Fcb%3Fx%3D1"
            "&code_verifier=v3rifier");
  request.grant = CodeGrant{Secret("c0de"), ""};
  EXPECT_EQ(encode_request(smartcar(), request)->body, "grant_type=authorization_code&code=c0de");
}

TEST(TokenEncoderTest, ClientCredentialsGoToTheApplicationsEndpointInTheBody) {
  const auto encoded = encode_request(smartcar(), request_for("client_credentials"));
  EXPECT_EQ(encoded->origin, "https://iam.smartcar.com");
  EXPECT_EQ(encoded->target, "/oauth2/token");
  EXPECT_EQ(encoded->body, "grant_type=client_credentials&client_id=the-client-id&client_secret=the-client-secret");
}

TEST(TokenEncoderTest, AProviderWithoutApplicationEndpointIsAnErrorNotARequest) {
  const auto encoded = encode_request(plain_with_optional_rotation(), request_for("client_credentials"));
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code, ErrorCode::invalid_argument);
}

TEST(TokenEncoderTest, APublicClientSendsOnlyItsId) {
  TokenRequest request = refresh_request();
  request.client_secret = ClientSecret();
  const auto encoded = encode_request(smartcar(), request);
  EXPECT_EQ(header(*encoded, "Authorization"), "");
  EXPECT_THAT(std::string(encoded->body), testing::EndsWith("&client_id=the-client-id"));
}

TEST(TokenEncoderTest, ATokenUrlWithAQueryKeepsIt) {
  ProviderProfile profile = smartcar();
  profile.token_url += "?flags=a";
  profile.client_auth = ClientAuth::query;
  EXPECT_THAT(std::string(encode_request(profile, refresh_request())->target),
              testing::StartsWith("/oauth/token?flags=a&client_id="));
}

TEST(TokenEncoderTest, RevocationNamesTheRefreshToken) {
  ProviderProfile profile = plain_with_optional_rotation();
  profile.revoke.revocation_url = "https://id.acme.example/revoke";
  const auto encoded = encode_revocation(profile, {"id", ClientSecret("secret"), RefreshToken("r+t")});
  EXPECT_EQ(encoded->body, "token=r%2Bt&token_type_hint=refresh_token");
  EXPECT_EQ(header(*encoded, "Authorization"), "Basic aWQ6c2VjcmV0");
  EXPECT_FALSE(encode_revocation(smartcar(), {"id", ClientSecret("secret"), RefreshToken("rt")}));
}

// ---- answers

struct Vector {
  json::object data;
  [[nodiscard]] std::string text(std::string_view name) const {
    const json::value* value = data.if_contains(name);
    return value == nullptr ? "" : std::string(std::string_view(value->as_string()));
  }
};

std::vector<Vector> vectors() {
  std::vector<Vector> out;
  const json::value all = json::parse(read_file("answers.json"));
  for (const json::value& item : all.as_array()) out.push_back({item.as_object()});
  return out;
}

class AnswerTest : public testing::TestWithParam<Vector> {};

TokenAnswer decode(const Vector& vector) {
  const ProviderProfile profile = vector.text("provider") == "optional" ? plain_with_optional_rotation() : smartcar();
  const std::string body = vector.text("body");
  const std::string type = vector.text("content_type");
  const std::string retry = vector.text("retry_after");
  const RawAnswer raw{.status = static_cast<int>(vector.data.at("status").as_int64()),
                      .content_type = type,
                      .retry_after = retry,
                      .body = body,
                      .cut = vector.data.contains("cut")};
  return decode_answer(profile, request_for(vector.text("grant")), raw, kNow);
}

std::optional<std::int64_t> ms(const std::optional<Milliseconds>& value) {
  if (!value) return std::nullopt;
  return value->count();
}

TEST_P(AnswerTest, MeansWhatTheProtocolSays) {
  const TokenAnswer answer = decode(GetParam());
  const Vector expect{GetParam().data.at("expect").as_object()};
  const auto number = [&](std::string_view name) -> std::optional<std::int64_t> {
    const json::value* value = expect.data.if_contains(name);
    if (value == nullptr) return std::nullopt;
    return value->as_int64();
  };
  EXPECT_EQ(to_string(answer.disposition), expect.text("disposition"));
  EXPECT_EQ(answer.status, GetParam().data.at("status").as_int64());
  EXPECT_EQ(answer.access ? reveal_secret(*answer.access) : "", expect.text("access"));
  EXPECT_EQ(answer.refresh ? reveal_secret(*answer.refresh) : "", expect.text("refresh"));
  EXPECT_EQ(ms(answer.expires_in), number("expires_in_ms"));
  EXPECT_EQ(ms(answer.refresh_expires_in), number("refresh_expires_in_ms"));
  EXPECT_EQ(ms(answer.retry_after), number("retry_after_ms"));
  EXPECT_EQ(answer.scope, expect.text("scope"));
  EXPECT_EQ(answer.error, expect.text("error"));
  EXPECT_EQ(answer.detail, expect.text("detail"));
}

INSTANTIATE_TEST_SUITE_P(TokenDecoder, AnswerTest, testing::ValuesIn(vectors()),
                         [](const auto& test) { return test.param.text("name"); });

TEST(TokenDecoderTest, ATokenOverTheLimitIsNotUsableAndSaysSo) {
  const std::string body = R"({"access_token":"a","refresh_token":")" + std::string(limits::kToken + 1, 'r') + R"("})";
  const TokenAnswer answer = decode_answer(smartcar(), refresh_request(), {.status = 200, .body = body}, kNow);
  EXPECT_EQ(answer.disposition, Disposition::unknown);
  EXPECT_FALSE(answer.refresh);
  EXPECT_EQ(answer.error, "unusable_refresh_token");
}

TEST(TokenDecoderTest, ABodyOverTheLimitIsUnknownButItsTokensAreSaved) {
  const std::string body = R"({"refresh_token":"rt-2","padding":")" + std::string(limits::kTokenAnswer, 'x') + R"("})";
  const TokenAnswer answer = decode_answer(smartcar(), refresh_request(), {.status = 200, .body = body}, kNow);
  EXPECT_EQ(answer.disposition, Disposition::unknown);
  ASSERT_TRUE(answer.refresh);
  EXPECT_EQ(reveal_secret(*answer.refresh), "rt-2");
}

TEST(TokenDecoderTest, BasicCredentialsEchoedBackAreTakenOut) {
  const TokenAnswer answer = decode_answer(smartcar(), refresh_request(),
                                           {.status = 401,
                                            .body = R"({"error":"invalid_client","error_description":)"
                                                    R"("got Basic dGhlLWNsaWVudC1pZDp0aGUtY2xpZW50LXNlY3JldA=="})"},
                                           kNow);
  EXPECT_EQ(answer.detail, "got Basic [redacted]");
}

TEST(TokenDecoderTest, DescriptionsAreBounded) {
  const std::string body = R"({"error":"x","error_description":")" + std::string(10000, 'y') + R"("})";
  EXPECT_EQ(decode_answer(smartcar(), refresh_request(), {.status = 400, .body = body}, kNow).detail.size(), 300U);
}

RC_GTEST_PROP(TokenDecoderTest, EveryCutOfASuccessKeepsExactlyTheCompleteTokens, ()) {
  const std::string body =
      R"({"token_type":"Bearer","access_token":"acc\u0065ss","x":{"y":[1]},"refresh_token":"r\/t"})";
  const auto size = *rc::gen::inRange<std::size_t>(0, body.size());
  const TokenAnswer answer = decode_answer(smartcar(), refresh_request(),
                                           {.status = 200, .body = std::string_view(body).substr(0, size)}, kNow);
  const bool access = size > body.find(R"(,"x")") - 1;
  const bool refresh = size >= body.size() - 1;
  RC_ASSERT(answer.disposition == Disposition::unknown);
  RC_ASSERT(answer.access.has_value() == access);
  RC_ASSERT(answer.refresh.has_value() == refresh);
}

RC_GTEST_PROP(TokenDecoderTest, AnyBytesAreJudgedWithoutHarm, (const std::string& tail)) {
  const std::string body = R"({"error":")" + tail;
  const int status = *rc::gen::element(0, 200, 204, 302, 400, 401, 403, 429, 500, 503);
  const TokenAnswer answer =
      decode_answer(smartcar(), refresh_request(), {.status = status, .retry_after = tail, .body = body}, kNow);
  RC_ASSERT(answer.disposition != Disposition::done);
  RC_ASSERT(answer.disposition != Disposition::unsent);
  RC_ASSERT(answer.error.size() <= 300U);
}

RC_GTEST_PROP(TokenDecoderTest, TheRefusedTokenNeverComesBackInTheAnswer, ()) {
  const auto token =
      *rc::gen::container<std::string>(36, rc::gen::elementOf(std::string("0123456789abcdefXYZ-._~+/=")));
  const auto keep = *rc::gen::inRange<std::size_t>(8, 37);
  const json::object body{{"error", token},
                          {"error_description", "Invalid refresh_token: " + token.substr(0, keep) + "."}};
  const TokenAnswer answer =
      decode_answer(smartcar(), refresh_request(token), {.status = 400, .body = json::serialize(body)}, kNow);
  RC_ASSERT(answer.error == "[redacted]");
  RC_ASSERT(answer.detail.starts_with("Invalid refresh_token: [redacted]"));
}

}  // namespace
}  // namespace keyfob::oauth
