#include "api/direct_token.hpp"

#include <gtest/gtest.h>

#include "http/response_head.hpp"
#include "testing/api_world.hpp"

namespace keyfob::api {
namespace {

using keyfob::testing::ApiWorld;
using keyfob::testing::permissions_of;
using Cars = std::vector<std::string>;

/// One request; keeps what it was answered.
class KeptAnswer final : public http::Exchange {
 public:
  explicit KeptAnswer(std::string text) : text_(std::move(text)) {
    scanned = http::scan_request(text_, {}, head_).status == http::ScanStatus::complete;
  }
  const http::RequestHead& request() const override { return head_; }
  const http::Peer& peer() const override { return peer_; }
  void respond(const http::Answer& answer) override {
    said = std::to_string(answer.status) + '\n' + std::string(answer.headers) + '\n' + std::string(answer.body);
  }
  void respond(const http::Response& response) override {
    respond(http::Answer{.status = response.status, .headers = http::header_lines(response), .body = response.body});
  }
  void call(const http::Handler&) override {}
  http::HeaderBlock& inject() override { return block_; }
  void forward(http::Origin&) override {}
  bool replayable() const override { return false; }
  http::HeaderBlock& add() override { return block_; }
  void pass() override {}
  void sample() override {}
  http::Later later() override { return {nullptr, 0}; }

  bool scanned = false;
  std::string said{};

 private:
  std::string text_;
  http::RequestHead head_;
  http::Peer peer_;
  http::HeaderBlock block_;
};

/// A world with anna's car-1 in memory, and both ways to ask for its token.
class DirectTokenTest : public ::testing::Test {
 protected:
  DirectTokenTest() {
    world.import("anna", "car-1");
    world.import("bert \"the\" b\u00f6rt", "car 2");
    for (const char* target : {"/v1/token?vehicle=car-1", "/v1/token?user=anna", "/v1/token?user=anna&vehicle=car-1",
                               "/v1/token?vehicle=car+2"}) {
      EXPECT_EQ(world.get(target).status, 200) << target;
    }
    Admission annas = world.caller("annas", permissions_of({Permission::token_read}));
    annas.users = {"anna"};
    world.gate.add(annas);
    annas.name = "berts";
    annas.users = {"bert"};
    world.gate.add(annas);
    world.gate.add(world.caller("no reader", permissions_of({Permission::gateway, Permission::grant_read})));
  }

  struct Said {
    bool answered = false;
    std::string text{};
  };
  Said direct(const std::string& target, const std::string& as, const std::string& method = "GET") {
    KeptAnswer exchange(method + ' ' + target + " HTTP/1.1\r\nHost: keyfob\r\nAuthorization: Bearer " + as +
                        (request_id.empty() ? "" : "\r\nX-Request-Id: " + request_id) + "\r\n\r\n");
    EXPECT_TRUE(exchange.scanned) << target;
    if (!DirectToken::wants(exchange.request())) return {};
    const auto admitted = world.gate.admit({.authorization = exchange.request().authorization()});
    std::expected<const Admission*, AccessProblem> caller = std::unexpected(AccessProblem::unauthenticated);
    if (admitted) caller = admitted->get();
    const bool answered = token->answer(exchange, caller);
    return {answered, exchange.said};
  }
  std::string general(const std::string& target, const std::string& as, const std::string& method = "GET") {
    const http::Response response =
        world.send({.method = method, .target = target, .as = as, .headers = {{"X-Request-Id", request_id}}});
    return std::to_string(response.status) + '\n' + http::header_lines(response) + '\n' + response.body;
  }

  ApiWorld world;
  std::string request_id = "call-1";
  std::unique_ptr<DirectToken> token = world.api.direct_token();
};

TEST_F(DirectTokenTest, AnswersWhatTheGeneralWayAnswersByteForByte) {
  for (const char* target : {"/v1/token?vehicle=car-1", "/v1/token?user=anna", "/v1/token?user=anna&vehicle=car-1",
                             "/v1/token?vehicle=car-1&user=anna"}) {
    world.get(target);
    for (const char* as : {"backend", "annas"}) {
      const Said said = direct(target, as);
      EXPECT_TRUE(said.answered) << target << ' ' << as;
      EXPECT_EQ(said.text, general(target, as)) << target << ' ' << as;
      EXPECT_EQ(said.text.substr(0, 3), "200");
    }
  }
}

TEST_F(DirectTokenTest, AnswersWithTheIdOfTheRequestAndMakesOneForARefusal) {
  const std::string target = "/v1/token?vehicle=car-1";
  EXPECT_NE(direct(target, "backend").text.find("\r\nX-Request-Id: call-1\r\n"), std::string::npos);
  for (const char* none : {"", "two words"}) {
    request_id = none;
    EXPECT_EQ(direct(target, "backend").text.find("X-Request-Id"), std::string::npos);
    EXPECT_EQ(direct(target, "backend").text, general(target, "backend"));
    EXPECT_NE(direct(target, "nobody").text.find("X-Request-Id: "), std::string::npos);
    EXPECT_NE(direct(target, "nobody").text.find("\"request_id\":"), std::string::npos);
  }
}

TEST_F(DirectTokenTest, WritesNamesThatNeedEscapingAsTheGeneralWayDoes) {
  world.import("c\"\\\u00e9", "car-3");
  const std::string target = "/v1/token?vehicle=car-3";
  world.get(target);
  const Said said = direct(target, "backend");
  EXPECT_TRUE(said.answered);
  EXPECT_EQ(said.text, general(target, "backend"));
}

TEST_F(DirectTokenTest, NeverGivesWhatTheGeneralWayRefuses) {
  for (const char* as : {"backend", "annas", "berts", "no reader", "root", "nobody"}) {
    for (const char* target :
         {"/v1/token", "/v1/token?", "/v1/token?vehicle=", "/v1/token?user=", "/v1/token?user=bert",
          "/v1/token?vehicle=car-1&vehicle=car-1", "/v1/token?vehicle=car-1&user=bert", "/v1/token?vehicle=car%2d1",
          "/v1/token?vehicle=car+2", "/v1/token?vehicle=car-1&app=fleet", "/v1/token?vehicle=car-1&app=other",
          "/v1/token?Vehicle=car-1", "/v1/token?vehicle=car-1&x=1", "/v1/token?vehicle=car-9",
          "/v1/token?vehicle=car-1", "/v1/token?user=anna", "/v1/token?&vehicle=car-1", "/v1/token?vehicle=car-1&"}) {
      const Said said = direct(target, as);
      const std::string other = general(target, as);
      const bool caller_refused = other.starts_with("401");
      EXPECT_TRUE(!said.answered || said.text == other) << target << ' ' << as << '\n' << said.text << '\n' << other;
      EXPECT_TRUE(!said.answered || caller_refused || other.starts_with("200")) << target << ' ' << as;
      EXPECT_TRUE(said.answered || !caller_refused) << target << ' ' << as;
    }
  }
}

TEST_F(DirectTokenTest, IsForGetOfThatPathOnly) {
  for (const auto& [method, target] : {std::pair("HEAD", "/v1/token?vehicle=car-1"),
                                       {"POST", "/v1/token?vehicle=car-1"},
                                       {"GET", "/v1/token/?vehicle=car-1"},
                                       {"GET", "/v1/tokens?vehicle=car-1"}}) {
    EXPECT_FALSE(direct(target, "backend", method).answered) << method << ' ' << target;
  }
}

TEST_F(DirectTokenTest, LeavesATokenThatIsDueToTheGeneralWay) {
  const std::string target = "/v1/token?vehicle=car-1";
  EXPECT_TRUE(direct(target, "backend").answered);
  world.pass(hours(2) - seconds(30));
  EXPECT_FALSE(direct(target, "backend").answered);
  world.get(target);
  const Said said = direct(target, "backend");
  EXPECT_TRUE(said.answered);
  EXPECT_EQ(said.text, general(target, "backend"));
}

TEST_F(DirectTokenTest, SaysNothingOfARevokedGrant) {
  const std::string target = "/v1/token?vehicle=car-1";
  const std::string id = keyfob::testing::text_in(world.get(target), "grant");
  ASSERT_TRUE(direct(target, "backend").answered);
  world.del("/v1/grants/" + id + "?local=true");
  EXPECT_FALSE(direct(target, "backend").answered);
  EXPECT_EQ(general(target, "backend").substr(0, 3), "424");
}

TEST_F(DirectTokenTest, WaitsForTheNodeToBeReady) {
  world.ready = false;
  EXPECT_FALSE(direct("/v1/token?vehicle=car-1", "backend").answered);
}

}  // namespace
}  // namespace keyfob::api
