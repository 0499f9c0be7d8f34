// requests.json against the gateway's listener.

#include "gateway/gateway_test.hpp"
#include "tests/hostile/table.hpp"

namespace keyfob::gateway {
namespace {

using namespace keyfob::hostile;

constexpr std::string_view kAuthorization = "Authorization: Bearer key\r\n";

std::string request_of(const boost::json::object& each) {
  std::string text = text_in(each, "raw");
  if (text.empty()) {
    text = text_in(each, "line", "GET @PATH@ HTTP/1.1") + "\r\nHost: k\r\n@AUTH@";
    for (const std::string& line : texts_in(each, "lines")) text += line + "\r\n";
    text += "\r\n" + text_in(each, "body");
  }
  text = with(text, "@PATH@", "/v2/cars/car1/odometer");
  text = with(text, "@OTHER@", "/v2/cars/car9/odometer");
  text = with(text, "@AUTH@", kAuthorization);
  text = with(text, "@LONG@", std::string(40'000, 'a'));
  return with(text, "@FIELDS@\r\n", repeated("X-A: b\r\n", 120));
}

bool is_expected(const boost::json::value& wanted, int status) {
  if (wanted.is_int64()) return wanted.as_int64() == status;
  return std::ranges::any_of(wanted.as_array(), [&](const auto& one) { return one.as_int64() == status; });
}

class HostileRequests : public GatewayTest {
 protected:
  void expect_forwarded(const boost::json::object& each) {
    ASSERT_EQ(seen(), 1U);
    const Message& request = seen_.front();
    for (const std::string& name : texts_in(each, "absent")) EXPECT_EQ(request.header(name), "") << name;
    for (const std::string& name : texts_in(each, "present")) EXPECT_NE(request.header(name), "") << name;
    if (each.contains("received")) {
      EXPECT_EQ(request.body, text_in(each, "received"));
    }
    EXPECT_EQ(request.header("authorization"), "Bearer g1-1");
    EXPECT_EQ(request.header("host"), provider_.endpoint());
  }

  void play(const boost::json::object& each) {
    seen_.clear();
    const bool forwarded = flag_in(each, "forwarded");
    const std::string next = "GET /v2/cars/car2/smuggled HTTP/1.1\r\nHost: k\r\nConnection: close\r\n" +
                             std::string(kAuthorization) + "\r\n";
    caller_ = Socket::connect(server_->endpoints().front());
    // A request that is cut must not wait for its rest: what stands behind it makes it whole or wrong.
    caller_.write(request_of(each) + next);
    const Message answer = read_message(caller_);
    EXPECT_TRUE(is_expected(each.at("status"), answer.status())) << answer.raw_head << answer.body;
    EXPECT_TRUE(answer.whole);
    EXPECT_THAT(answer.body, ::testing::HasSubstr(text_in(each, "says")));
    if (forwarded || flag_in(each, "open")) {
      EXPECT_EQ(read_message(caller_).status(), 200) << "the next request has its own answer";
      EXPECT_EQ(seen(), forwarded ? 2U : 1U);
      if (forwarded) seen_.pop_back();
    }
    EXPECT_TRUE(caller_.at_end());
    if (!forwarded) {
      EXPECT_FALSE(answer.header("keyfob-error").empty());
    }
    if (forwarded) expect_forwarded(each);
    if (!forwarded && !flag_in(each, "open")) {
      EXPECT_EQ(seen(), 0U);
    }
  }
};

TEST_F(HostileRequests, are_refused_and_what_is_merely_odd_is_read_in_one_way) {
  start();
  for (const auto& each : load_table("requests.json")) {
    SCOPED_TRACE(text_in(each.as_object(), "name"));
    play(each.as_object());
  }
}

}  // namespace
}  // namespace keyfob::gateway
