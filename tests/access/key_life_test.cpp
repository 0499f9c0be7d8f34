// An API key from its making to its end, through the real API, the real engine and the real gate.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio.hpp>
#include <thread>

#include "access/gate.hpp"
#include "api/access_facts.hpp"
#include "testing/api_world.hpp"

namespace keyfob {
namespace {

using namespace keyfob::testing;

class KeyLife : public ::testing::Test {
 protected:
  KeyLife() { world_.add_app(); }

  http::Response send(std::string method, std::string target, std::string body, const std::string& key) {
    http::Request request{
        .method = std::move(method), .target = std::move(target), .headers = {}, .body = std::move(body)};
    if (key.empty()) request.peer = "unix:uid=1000";
    if (!key.empty()) request.headers.push_back({"Authorization", "Bearer " + key});
    if (!request_id_.empty()) request.headers.push_back({"X-Request-Id", request_id_});
    return world_.run(api_.handle(std::move(request)));
  }
  /// As the operator on the admin socket.
  http::Response operate(std::string target, std::string body = {}) {
    return send("POST", std::move(target), std::move(body), "");
  }
  std::string new_key(const std::string& body) {
    const http::Response response = operate("/v1/callers", body);
    EXPECT_THAT(response, has_status(201));
    return text_in(response, "api_key");
  }
  int token_status(const std::string& key, const std::string& user = "ada") {
    return send("GET", "/v1/token?user=" + user, "", key).status;
  }

  std::string request_id_;
  World world_;
  access::Gate gate_{world_.clock, {1000}};
  api::Api api_{*world_.engine, gate_, world_.clock, {.version = "1", .access_changed = [this] {
                                                        gate_.update(access::AccessTable(
                                                            api::access_facts(*world_.engine->directory().snapshot())));
                                                      }}};
};

constexpr auto kReader =
    R"({"name":"reader","app":"fleet","permissions":["token:read"],"users":["ada"],"expires_in":3600})";

TEST_F(KeyLife, a_new_key_works_at_once_and_only_for_what_it_may_do) {
  world_.import("ada", "car-1");
  world_.import("bob", "car-2");
  const std::string key = new_key(kReader);
  EXPECT_EQ(token_status(key), 200);
  EXPECT_EQ(token_status(key, "bob"), 403);
  EXPECT_EQ(send("GET", "/v1/grants", "", key).status, 403);
  EXPECT_EQ(send("GET", "/v1/apps", "", key).status, 403);
}

TEST_F(KeyLife, a_changed_or_foreign_key_is_refused_in_the_same_words) {
  world_.import("ada", "car-1");
  const std::string key = new_key(kReader);
  std::string wrong_secret = key;
  wrong_secret.back() = wrong_secret.back() == 'A' ? 'B' : 'A';
  std::string unknown_id = key;
  unknown_id[3] = unknown_id[3] == 'a' ? 'b' : 'a';
  request_id_ = "the-same";  // so that nothing else differs
  const http::Response wrong = send("GET", "/v1/token?user=ada", "", wrong_secret);
  const http::Response unknown = send("GET", "/v1/token?user=ada", "", unknown_id);
  EXPECT_THAT(wrong, is_problem(401, "unauthenticated"));
  EXPECT_EQ(wrong.body, unknown.body);
  EXPECT_EQ(wrong.headers.size(), unknown.headers.size());
}

TEST_F(KeyLife, both_keys_work_during_a_rotation_and_then_only_the_new_one) {
  world_.import("ada", "car-1");
  const std::string old_key = new_key(kReader);
  const http::Response rotated = operate("/v1/callers/reader/rotate", R"({"overlap":60})");
  const std::string new_one = text_in(rotated, "api_key");
  EXPECT_EQ(token_status(old_key), 200);
  EXPECT_EQ(token_status(new_one), 200);
  world_.pass(seconds(61));
  EXPECT_EQ(token_status(old_key), 401);
  EXPECT_EQ(token_status(new_one), 200);
}

TEST_F(KeyLife, a_rotation_without_overlap_ends_the_old_key_at_once) {
  world_.import("ada", "car-1");
  const std::string old_key = new_key(kReader);
  operate("/v1/callers/reader/rotate", R"({"overlap":0})");
  EXPECT_EQ(token_status(old_key), 401);
}

TEST_F(KeyLife, a_disabled_key_and_an_expired_key_are_refused) {
  world_.import("ada", "car-1");
  const std::string key = new_key(kReader);
  const std::string other = new_key(R"({"name":"other","app":"fleet","permissions":["token:read"]})");
  operate("/v1/callers/other/disable");
  EXPECT_EQ(token_status(other), 401);
  EXPECT_EQ(token_status(key), 200);
  world_.pass(seconds(3601));
  EXPECT_EQ(token_status(key), 401);
}

TEST_F(KeyLife, keys_of_a_removed_application_are_refused) {
  const std::string key = new_key(kReader);
  EXPECT_EQ(send("DELETE", "/v1/apps/fleet", "", "").status, 204);
  EXPECT_EQ(token_status(key), 401);
}

TEST_F(KeyLife, no_answer_but_the_first_shows_the_key) {
  const std::string key = new_key(kReader);
  for (const char* target : {"/v1/callers", "/v1/callers/reader", "/v1/status", "/v1/apps"}) {
    EXPECT_EQ(send("GET", target, "", "").body.find(key.substr(16)), std::string::npos) << target;
  }
  const auto directory = world_.engine->directory().snapshot();
  for (const CallerRecord& record : directory->callers) {
    EXPECT_EQ(as_text(record.secret_hash).find(key.substr(16)), std::string_view::npos);
  }
}

TEST_F(KeyLife, requests_of_other_threads_are_answered_on_those_threads) {
  world_.import("ada", "car-1");
  const std::string key = new_key(kReader);
  asio::io_context theirs;
  std::atomic<int> answered = 0;
  std::atomic<int> strayed = 0;
  const auto ask = [&](std::thread::id home) -> Task<void> {
    http::Request request{.method = "GET", .target = "/v1/token?user=ada", .headers = {}, .body = {}};
    request.headers.push_back({"Authorization", "Bearer " + key});
    const http::Response response = co_await api_.handle(std::move(request));
    if (std::this_thread::get_id() != home) ++strayed;
    if (response.status == 200) ++answered;
  };
  std::atomic<bool> done = false;
  std::thread server([&] {
    for (int i = 0; i < 100; ++i) asio::co_spawn(theirs, ask(std::this_thread::get_id()), asio::detached);
    theirs.run();
    done = true;
  });
  while (!done) {
    world_.node_context->restart();
    world_.node_context->poll();
  }
  server.join();
  EXPECT_EQ(answered, 100);
  EXPECT_EQ(strayed, 0);
}

}  // namespace
}  // namespace keyfob
