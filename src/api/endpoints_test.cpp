#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/endpoint.hpp"
#include "api/idempotency.hpp"

namespace keyfob::api {
namespace {

std::string found(std::string_view method, std::string_view path) {
  const Match match = match_endpoint(method, path);
  return match.endpoint == nullptr ? "" : std::string(match.endpoint->path);
}

TEST(Endpoints, are_found_by_method_and_path) {
  EXPECT_EQ(found("GET", "/v1/token"), "/v1/token");
  EXPECT_EQ(found("POST", "/v1/grants"), "/v1/grants");
  EXPECT_EQ(found("POST", "/v1/grants:import"), "/v1/grants:import");
  EXPECT_EQ(found("GET", "/v1/grants/abc"), "/v1/grants/{id}");
  EXPECT_EQ(found("DELETE", "/v1/grants/abc/record"), "/v1/grants/{id}/record");
  EXPECT_EQ(found("POST", "/v1/callers/backend/rotate"), "/v1/callers/{name}/rotate");
  EXPECT_EQ(found("HEAD", "/healthz"), "/healthz");
}

TEST(Endpoints, capture_what_braces_match_decoded) {
  const Match match = match_endpoint("GET", "/v1/apps/my%20app");
  ASSERT_NE(match.endpoint, nullptr);
  ASSERT_EQ(match.captures.size(), 1U);
  EXPECT_EQ(match.captures[0], "my app");
}

TEST(Endpoints, are_not_found_by_a_path_that_is_only_similar) {
  for (const char* path : {"", "/", "/v1", "/v1/", "/v1/token/", "/v1/tokens", "/v1/grants/", "/v1/grants//record",
                           "/v1/grants/a/b", "v1/token", "/V1/token", "/v1/apps/%zz", "//v1/token"}) {
    EXPECT_EQ(found("GET", path), "") << path;
  }
}

TEST(Endpoints, tell_which_methods_a_path_has) {
  const Match match = match_endpoint("PUT", "/v1/apps/x");
  EXPECT_EQ(match.endpoint, nullptr);
  EXPECT_EQ(match.allow, "GET, PATCH, DELETE");
  EXPECT_TRUE(match_endpoint("PUT", "/v1/nothing").allow.empty());
}

TEST(Endpoints, are_each_there_once_and_complete) {
  std::set<std::string> seen;
  for (const Endpoint& endpoint : endpoints()) {
    const std::string name = std::string(endpoint.method) + ' ' + std::string(endpoint.path);
    EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_NE(endpoint.handler, nullptr) << name;
    EXPECT_FALSE(endpoint.summary.empty()) << name;
    const bool of_v1 = endpoint.path.starts_with("/v1/");
    EXPECT_EQ(of_v1, endpoint.audience != Audience::anybody) << name << ": /v1 is for known callers only";
  }
}

TEST(Endpoints, of_the_api_are_never_the_gateways) {
  for (const Endpoint& endpoint : endpoints()) EXPECT_TRUE(Api::serves(endpoint.path)) << endpoint.path;
  EXPECT_TRUE(Api::serves("/v1/unknown"));
  EXPECT_FALSE(Api::serves("/v2.0/vehicles"));
  EXPECT_FALSE(Api::serves("/v10/x"));
  EXPECT_FALSE(Api::serves("/healthz/x"));
}

constexpr BootTime kStart{Milliseconds(1000)};

class IdempotencyTest : public testing::Test {
 protected:
  template <class Kind>
  bool is(std::string_view key, std::size_t content, BootTime now = kStart) {
    return std::holds_alternative<Kind>(memory_.begin(key, content, now));
  }
  IdempotencyMemory memory_{2, seconds(10)};
};

TEST_F(IdempotencyTest, answers_the_same_request_again_with_the_same_answer) {
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("k", 1));
  EXPECT_TRUE(is<IdempotencyMemory::Running>("k", 1));
  memory_.finish("k", {.status = 201, .headers = {}, .body = "created"});
  const auto verdict = memory_.begin("k", 1, kStart);
  ASSERT_TRUE(std::holds_alternative<http::Response>(verdict));
  EXPECT_EQ(std::get<http::Response>(verdict).body, "created");
}

TEST_F(IdempotencyTest, tells_another_request_with_the_same_key_apart) {
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("k", 1));
  EXPECT_TRUE(is<IdempotencyMemory::Differs>("k", 2));
  memory_.finish("k", {});
  EXPECT_TRUE(is<IdempotencyMemory::Differs>("k", 2));
}

TEST_F(IdempotencyTest, forgets_what_failed_so_that_it_can_be_tried_again) {
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("k", 1));
  memory_.forget("k");
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("k", 2));
}

TEST_F(IdempotencyTest, is_bounded_in_number_and_in_time) {
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("a", 1));
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("b", 1));
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("c", 1));
  EXPECT_EQ(memory_.size(), 2U);
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("d", 1, kStart + seconds(10)));
  EXPECT_EQ(memory_.size(), 1U);
}

TEST_F(IdempotencyTest, a_known_key_drops_nothing) {
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("a", 1));
  EXPECT_TRUE(is<IdempotencyMemory::Proceed>("b", 1));
  EXPECT_TRUE(is<IdempotencyMemory::Running>("a", 1));
  EXPECT_EQ(memory_.size(), 2U);
}

}  // namespace
}  // namespace keyfob::api
