// fuzz: oauth

// Answers of a token endpoint: "STATUS CONTENT-TYPE", "RETRY-AFTER", body. A '!' before the status: the body was cut.
// Whatever comes: a pair counts as one only if it is whole, and no secret gets into an error message.

#include <algorithm>
#include <array>

#include "oauth/profiles.hpp"
#include "oauth/token_codec.hpp"
#include "tests/fuzz/fields.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;

constexpr std::string_view kRefresh = "rt.present-refresh-token.0123456789";
constexpr std::string_view kCode = "the-code-of-this-consent-4711";
constexpr std::string_view kVerifier = "the-verifier-of-this-consent-0815";
constexpr std::string_view kSecret = "cs.the-client-s-secret.abcdefghij";
constexpr std::string_view kRedacted = "[redacted]";
constexpr std::size_t kPiece = 8;  // of a secret, as long may not be seen

ProviderProfile plain_profile() {
  oauth::ProfileOverrides overrides;
  overrides.token_url = "https://id.example.com/token";
  overrides.rotation = Rotation::optional;
  overrides.reuse_window = seconds(0);
  return oauth::make_profile("plain", overrides).value();
}

TokenRequest request_of(std::variant<RefreshGrant, CodeGrant, ClientCredentialsGrant> grant) {
  return {"smartcar", "client", ClientSecret(kSecret), std::move(grant)};
}

constexpr std::array<std::string_view, 7> kOurWords = {"cut_short",
                                                       "html_with_200",
                                                       "not_json",
                                                       "unusable_access_token",
                                                       "unusable_refresh_token",
                                                       "missing_access_token",
                                                       "missing_refresh_token"};

/// No piece of `secret` is in `text`. What the text has from us (kOurWords, "[redacted]") and what stands for bytes
/// outside ASCII ("?") may look like a piece and is none.
void expect_hidden(std::string text, std::string_view secret) {
  if (std::ranges::find(kOurWords, text) != kOurWords.end()) return;
  for (auto at = text.find(kRedacted); at != std::string::npos; at = text.find(kRedacted)) {
    text.replace(at, kRedacted.size(), "\n");
  }
  for (std::size_t i = 0; i + kPiece <= secret.size(); ++i) {
    const std::string_view piece = secret.substr(i, kPiece);
    if (piece.find('?') == std::string_view::npos) CHECK(text.find(piece) == std::string::npos);
  }
}

void expect_short_and_plain(const std::string& text) {
  CHECK(text.size() <= 300);
  CHECK(std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; }));
}

void judge(const ProviderProfile& profile, const TokenRequest& request, const oauth::RawAnswer& raw) {
  const TokenAnswer answer = oauth::decode_answer(profile, request, raw, from_unix_ms(1767225600000));
  CHECK(answer.status == raw.status);
  if (answer.disposition == Disposition::done) {
    CHECK(raw.status >= 200 && raw.status < 300);
    CHECK(answer.access && !reveal_secret(*answer.access).empty());
    const bool rotates = std::holds_alternative<RefreshGrant>(request.grant) && profile.rotation == Rotation::required;
    CHECK(!rotates || (answer.refresh && !reveal_secret(*answer.refresh).empty()));
  }
  if (raw.status < 200 || raw.status >= 300) CHECK(!answer.access && !answer.refresh);
  if (answer.expires_in) CHECK(*answer.expires_in > Milliseconds(0));
  if (answer.retry_after) CHECK(*answer.retry_after >= Milliseconds(0) && *answer.retry_after <= hours(1));
  for (const std::string& text : {answer.error, answer.detail}) {
    expect_short_and_plain(text);
    // What a request did not hold, nobody can recognise in its answer.
    expect_hidden(text, kSecret);
    if (std::holds_alternative<RefreshGrant>(request.grant)) expect_hidden(text, kRefresh);
    if (std::holds_alternative<CodeGrant>(request.grant)) {
      expect_hidden(text, kCode);
      expect_hidden(text, kVerifier);
    }
    if (answer.access) expect_hidden(text, reveal_secret(*answer.access));
    if (answer.refresh) expect_hidden(text, reveal_secret(*answer.refresh));
  }
}

}  // namespace

FUZZ(input) {
  static const ProviderProfile smartcar = oauth::builtin_profile("smartcar").value();
  static const ProviderProfile plain = plain_profile();
  oauth::RawAnswer raw;
  raw.cut = input.starts_with('!');
  if (raw.cut) input.remove_prefix(1);
  std::string_view head = fuzz::take_until(input, '\n');
  raw.status = static_cast<int>(fuzz::number_in(fuzz::take_until(head, ' ')) % 1000);
  raw.content_type = head;
  raw.retry_after = fuzz::take_until(input, '\n');
  raw.body = input;
  judge(smartcar, request_of(RefreshGrant{RefreshToken(kRefresh)}), raw);
  judge(plain, request_of(RefreshGrant{RefreshToken(kRefresh)}), raw);
  judge(smartcar, request_of(CodeGrant{Secret(kCode), "https://a.example/back", Secret(kVerifier)}), raw);
  judge(smartcar, request_of(ClientCredentialsGrant{}), raw);
}
