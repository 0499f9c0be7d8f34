// answers.json from the provider's side of the gateway.

#include <semaphore>

#include "gateway/gateway_test.hpp"
#include "tests/hostile/table.hpp"

namespace keyfob::gateway {
namespace {

using namespace keyfob::hostile;
using keyfob::testing::read_body;
using keyfob::testing::read_head;

/// An origin that does what one case says to the first request, and answers "next" to /next.
class Origin {
 public:
  explicit Origin(const boost::json::object& each) : pieces_(texts_in(each, "answer")), then_(text_in(each, "then")) {
    for (std::string& piece : pieces_) {
      piece = with(piece, "@BIG@", std::string(40'000, 'a'));
      piece = with(piece, "@INTERIM@", repeated("HTTP/1.1 103 Early Hints\r\n\r\n", 1000));
    }
  }

  void play(Socket& caller) {
    for (;;) {
      const Message request = read_message(caller);
      if (!request.whole) return;
      if (request.start_line.find("/next") != std::string::npos) {
        caller.write(ok_response("next"));
        continue;
      }
      caller.write(pieces_.front());
      if (pieces_.size() > 1) {
        seen_.acquire();
        caller.write(pieces_.back());
        sent_.release();
      }
      if (then_ == "hang") caller.read_all();
      if (then_ == "reset") caller.reset();
      if (then_ != "keep") return;
    }
  }

  /// The caller has the head: the second piece may come, and has when this returns.
  void go_on() {
    if (pieces_.size() < 2) return;
    seen_.release();
    sent_.acquire();
  }

 private:
  std::vector<std::string> pieces_;
  std::string then_;
  std::binary_semaphore seen_{0};
  std::binary_semaphore sent_{0};
};

/// A gateway before one origin.
class HostileAnswers : public ::testing::Test {
 protected:
  HostileAnswers() {
    gatekeeper_.callers.emplace("Bearer key", caller_with({Permission::gateway}));
    tokens_.vehicles = {{"car1", {.grant = "g1", .user = "anna", .provider_user = "p"}}};
  }
  ~HostileAnswers() override {
    server_.reset();
    background_.join();
  }

  void start(const std::string& url, Milliseconds patience) {
    GatewayOptions options;
    ProviderProfile profile;
    profile.name = "acme";
    profile.routes = {{.match = "/cars/{vehicle}/**", .origin = url}};
    options.profiles = {profile};
    const auto factory = make_gateway({gatekeeper_, tokens_, credentials_, clock_}, std::move(options));
    ASSERT_TRUE(factory.has_value());
    http::ServerConfig config;
    config.listen = {"127.0.0.1:0"};
    config.event_loop = testing::loop_under_test();
    config.private_prefixes = {std::string(kPrivatePrefix)};
    config.upstream.response = patience;
    auto started = http::Server::start(std::move(config), *factory, background_.get_executor());
    ASSERT_TRUE(started.has_value());
    server_ = std::move(*started);
  }

  Socket ask(const std::string& method, const std::string& path) {
    Socket caller = Socket::connect(server_->endpoints().front());
    caller.write(method + " /cars/car1" + path + " HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer key\r\n\r\n");
    return caller;
  }

  static void expect_answer(const boost::json::object& each, const Message& answer) {
    EXPECT_EQ(answer.status(), each.at("status").as_int64()) << answer.raw_head << answer.body;
    EXPECT_EQ(answer.header("keyfob-error"), text_in(each, "code"));
    EXPECT_EQ(answer.whole, flag_in(each, "whole", true));
    if (each.contains("body")) {
      EXPECT_EQ(answer.body, text_in(each, "body"));
    }
    for (const std::string& name : texts_in(each, "absent")) EXPECT_EQ(answer.header(name), "") << name;
    if (const auto* headers = each.if_contains("header")) {
      for (const auto& [name, value] : headers->as_object()) {
        EXPECT_EQ(answer.header(name), std::string_view(value.as_string()));
      }
    }
  }

  void play(const boost::json::object& each) {
    Origin script(each);
    ScriptedOrigin origin([&](Socket& caller, int) { script.play(caller); });
    const bool waits = each.at("status").as_int64() == 504 || text_in(each, "name").ends_with("for ever");
    start(origin.url(), waits ? Milliseconds(300) : seconds(10));
    const std::string method = text_in(each, "method", "GET");
    Socket caller = ask(method, "/x");
    Message answer = read_head(caller);
    while (answer.status() / 100 == 1) answer = read_head(caller);
    script.go_on();
    read_body(caller, answer, method == "HEAD");
    expect_answer(each, answer);
    const int before = origin.connections();
    Socket other = ask("GET", "/next");
    EXPECT_EQ(read_message(other).body, "next");
    if (each.contains("reused")) {
      EXPECT_EQ(origin.connections() == before, flag_in(each, "reused"));
    }
    server_.reset();
  }

  FixedClock clock_;
  FakeGatekeeper gatekeeper_;
  FakeTokens tokens_;
  FakeCredentials credentials_;
  boost::asio::thread_pool background_{1};
  std::unique_ptr<http::Server> server_;
};

TEST_F(HostileAnswers, reach_one_caller_at_most_and_are_never_taken_for_more_than_they_are) {
  for (const auto& each : load_table("answers.json")) {
    SCOPED_TRACE(text_in(each.as_object(), "name"));
    play(each.as_object());
  }
}

}  // namespace
}  // namespace keyfob::gateway
