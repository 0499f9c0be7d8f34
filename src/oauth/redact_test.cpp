#include "oauth/redact.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace keyfob::oauth {
namespace {

using testing::HasSubstr;
using testing::Not;

Redactor knowing(std::string_view secret) {
  Redactor redactor;
  redactor.add(secret);
  return redactor;
}

std::string percent(std::string_view text, bool every, bool upper) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    if (plain && !every) {
      out += c;
    } else {
      const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4U];
      out += digits[static_cast<unsigned char>(c) & 15U];
    }
  }
  return out;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return text;
}

std::string plus_for_space(std::string text) {
  for (auto at = text.find("%20"); at != std::string::npos; at = text.find("%20", at)) text.replace(at, 3, "+");
  return text;
}

bool shows_a_piece(std::string_view text, std::string_view secret) {
  const std::string shown = lower(std::string(text));
  const std::string hidden = lower(std::string(secret));
  for (std::size_t i = 0; i + 8 <= hidden.size(); ++i) {
    if (shown.find(hidden.substr(i, 8)) != std::string::npos) return true;
  }
  return false;
}

rc::Gen<std::string> text_of(std::size_t least, char from, char to) {
  return rc::gen::mapcat(rc::gen::inRange<std::size_t>(least, least + 60), [=](std::size_t size) {
    return rc::gen::container<std::string>(size, rc::gen::inRange<char>(from, to));
  });
}

TEST(RedactTest, SmartcarsEchoOfTheTokenIsTakenOut) {
  const Redactor redactor = knowing("7d7d7d7d-2222-4b4b-9c9c-3d3d3d3d3d3d");
  EXPECT_EQ(redactor.apply("Invalid refresh_token: 7d7d7d7d-2222-4b4b-9c9c-3d3d3d3d3d3d.", 300),
            "Invalid refresh_token: [redacted].");
}

TEST(RedactTest, TruncatedEchoesAreTakenOutAndShortLikenessesAreNot) {
  const Redactor redactor = knowing("secret-token-value");
  EXPECT_EQ(redactor.apply("got secret-t...", 300), "got [redacted]...");
  EXPECT_EQ(redactor.apply("got ...en-value", 300), "got ...[redacted]");
  EXPECT_EQ(redactor.apply("got secret-...", 300), "got secret-...");
}

TEST(RedactTest, SecretsShorterThanAPieceAreTakenOutWhole) {
  EXPECT_EQ(knowing("hunter2").apply("wrong hunter2, HUNTER2", 300), "wrong [redacted], [redacted]");
  EXPECT_EQ(knowing("abc").apply("abc", 300), "abc");
}

TEST(RedactTest, ControlBytesGoAndOtherBytesBecomeQuestionMarks) {
  EXPECT_EQ(Redactor().apply("a\r\nb\x1b[31m\xc3\xa9", 300), "ab[31m??");
  EXPECT_EQ(knowing("secret-token").apply(std::string("sec\0ret-\ntoken", 14), 300), "[redacted]");
}

TEST(RedactTest, FormEncodedSecretsAreTakenOut) {
  EXPECT_EQ(knowing("pass word and more").apply("got pass+word+and+more", 300), "got [redacted]");
  EXPECT_EQ(knowing("a+b/c=d%41e f").apply("got a%2Bb%2fc%3Dd%2541e+f!", 300), "got [redacted]!");
}

TEST(RedactTest, LongTextIsCut) { EXPECT_EQ(Redactor().apply(std::string(5000, 'x'), 300), std::string(300, 'x')); }

RC_GTEST_PROP(RedactTest, NoFormOfASecretIsEverShown, ()) {
  const std::string secret = *text_of(8, ' ', '\x7f');
  // A percent sign right before the echo would make its first characters part of a percent-encoding of something else.
  const std::string before = *text_of(0, ' ', '\x7f') + "::";
  const std::string after = *text_of(0, ' ', '\x7f');
  const auto from = *rc::gen::inRange<std::size_t>(0, secret.size() - 7);
  const auto size = *rc::gen::inRange<std::size_t>(8, secret.size() - from + 1);
  std::string echo = secret.substr(from, size);
  const std::string piece = echo;
  switch (*rc::gen::inRange(0, 6)) {
    case 0: break;
    case 1: echo = percent(echo, true, true); break;
    case 2: echo = percent(echo, false, false); break;
    case 3: echo = percent(percent(echo, true, false), true, true); break;
    case 4: echo = plus_for_space(percent(echo, false, true)); break;
    default: echo = lower(echo);
  }
  const std::string shown = knowing(secret).apply(before + echo + after, 300);
  RC_ASSERT(shown.find(echo) == std::string::npos);
  RC_ASSERT(!shows_a_piece(shown, secret));
  RC_ASSERT(shown.size() <= 300U);
}

RC_GTEST_PROP(RedactTest, AnyBytesGiveCleanBoundedText, (const std::string& text, const std::string& secret)) {
  const std::string shown = knowing(secret).apply(text, 40);
  RC_ASSERT(shown.size() <= 40U);
  RC_ASSERT(std::ranges::all_of(shown, [](char c) { return c >= ' ' && c < 0x7f; }));
}

}  // namespace
}  // namespace keyfob::oauth
