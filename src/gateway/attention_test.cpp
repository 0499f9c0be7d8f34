#include "gateway/attention.hpp"

#include <gtest/gtest.h>

#include "gateway/gateway_test.hpp"
#include "oauth/profiles.hpp"

namespace keyfob::gateway {
namespace {

const std::vector<AttentionRule> kRules = oauth::builtin_profile("smartcar")->attention;

TEST(Attention, is_asked_for_by_the_answers_that_the_profile_names) {
  struct Case {
    int status;
    const char* body;
    const char* reason;
  };
  for (const Case& each : {
           Case{403, R"({"type":"PERMISSION","code":null,"resolution":{"type":"REAUTHENTICATE"}})", "PERMISSION"},
           Case{400,
                R"({"resolution":{"url":"https://x","type":"REAUTHENTICATE"},"code":"AUTHENTICATION_FAILED",)"
                R"("type":"CONNECTED_SERVICES_ACCOUNT"})",
                "CONNECTED_SERVICES_ACCOUNT/AUTHENTICATION_FAILED"},
           Case{403, R"({"errors":[{"status":"403","type":"A","code":"B","resolution":{"type":"REAUTHENTICATE"}}]})",
                "A/B"},
           Case{400, R"({"resolution":"REAUTHENTICATE"})", "REAUTHENTICATE"},
           Case{400, R"({"type":"a b\r\n","resolution":"REAUTHENTICATE"})", "REAUTHENTICATE"},
       }) {
    EXPECT_EQ(attention_in(kRules, each.status, each.body), each.reason) << each.body;
  }
}

TEST(Attention, is_not_asked_for_by_others) {
  for (const char* body :
       {R"({"type":"PERMISSION","resolution":{"type":"RETRY_LATER"}})", R"({"type":"PERMISSION","resolution":null})",
        R"({"description":"\"resolution\":{\"type\":\"REAUTHENTICATE\"}"})", R"({"errors":[]})", R"({"errors":[1]})",
        R"({"resolution":{"type":"REAUTHENTICATE"})", R"(["REAUTHENTICATE"])", "REAUTHENTICATE", "", "<html>"}) {
    EXPECT_EQ(attention_in(kRules, 403, body), std::nullopt) << body;
  }
  const char* body = R"({"resolution":{"type":"REAUTHENTICATE"}})";
  for (const int status : {200, 401, 404, 409, 430, 500}) {
    EXPECT_EQ(attention_in(kRules, status, body), std::nullopt) << status;
    EXPECT_FALSE(may_ask_for_owner(kRules, status)) << status;
  }
  const AttentionRule any{.status = 0, .member = "resolution.type", .value = "REAUTHENTICATE"};
  EXPECT_EQ(attention_in({&any, 1}, 409, body), "REAUTHENTICATE");
  EXPECT_FALSE(may_ask_for_owner({&any, 1}, 401)) << "a 401 is about the token";
}

}  // namespace
}  // namespace keyfob::gateway
