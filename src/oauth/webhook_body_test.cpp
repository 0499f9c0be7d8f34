#include "oauth/webhook_body.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

namespace keyfob::oauth {
namespace {

namespace json = boost::json;

json::array vectors() {
  std::ifstream file(KEYFOB_TESTDATA "/webhooks.json");
  std::stringstream text;
  text << file.rdbuf();
  return json::parse(text.str()).as_array();
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? std::string() : std::string(value->as_string());
}

TEST(Webhook, says_what_the_vectors_say) {
  for (const json::value& item : vectors()) {
    const json::object& wanted = item.as_object();
    SCOPED_TRACE(text_of(wanted, "name"));
    const auto read = parse_webhook(json::serialize(wanted.at("body")));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->verify, wanted.contains("verify"));
    EXPECT_EQ(read->challenge, text_of(wanted, "challenge"));
    EXPECT_EQ(read->event_id, text_of(wanted, "event_id"));
    EXPECT_EQ(read->kind, text_of(wanted, "kind"));
    EXPECT_EQ(read->provider_user.str(), text_of(wanted, "user"));
    EXPECT_EQ(read->vehicle.str(), text_of(wanted, "vehicle"));
    json::array errors;
    for (const AccountError& error : read->account_errors) {
      errors.emplace_back(error.reason + (error.resolved ? " RESOLVED" : " ERROR"));
    }
    EXPECT_EQ(errors, wanted.contains("errors") ? wanted.at("errors").as_array() : json::array());
  }
}

TEST(Webhook, is_a_json_object_of_a_sane_size_and_depth) {
  for (const std::string& body : {std::string(), std::string("[]"), std::string("7"), std::string("\"text\""),
                                  std::string("{"), std::string("{} {}"), std::string(100, '[') + std::string(100, ']'),
                                  "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}",
                                  "{\"a\":\"" + std::string(kWebhookBytes, 'x') + "\"}"}) {
    const auto read = parse_webhook(body);
    ASSERT_FALSE(read) << body.substr(0, 20);
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
  }
}

TEST(Webhook, challenges_are_answered_only_when_no_object_can_be_written_in_them) {
  for (const std::string& good : {std::string("challenge"), std::string("A-Za-z0-9._~+/=:-"), std::string(256, 'a')}) {
    EXPECT_TRUE(good_challenge(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string(257, 'a'), std::string("{}"), std::string("a b"), std::string("a\"b"),
        std::string("a\0b", 3), std::string("\xc3\xa9"), std::string("{\"eventType\":\"VEHICLE_STATE\"}"),
        std::string("a,b"), std::string("\n")}) {
    EXPECT_FALSE(good_challenge(bad)) << bad;
  }
}

}  // namespace
}  // namespace keyfob::oauth
