// Who may call what: every endpoint of the table, for callers that have everything but what it needs.
#include <gtest/gtest.h>

#include "api/endpoint.hpp"
#include "testing/api_world.hpp"

namespace keyfob::api {
namespace {

using namespace keyfob::testing;

std::string path_of(const Endpoint& endpoint) {
  std::string path(endpoint.path);
  const auto brace = path.find('{');
  if (brace != std::string::npos) path.replace(brace, path.find('}') - brace + 1, "fleet");
  return path;
}

class ApiAdmission : public ::testing::TestWithParam<const Endpoint*> {
 protected:
  http::Response ask(std::string as) {
    return world_.send(
        {.method = std::string(GetParam()->method), .target = path_of(*GetParam()), .as = std::move(as)});
  }
  ApiWorld world_;
};

TEST_P(ApiAdmission, is_refused_to_strangers) {
  for (const char* stranger : {"", "nobody"}) {
    const http::Response response = ask(stranger);
    if (GetParam()->audience == Audience::anybody) {
      EXPECT_NE(response.status, 401);
    } else {
      EXPECT_THAT(response, is_problem(401, "unauthenticated"));
      EXPECT_EQ(header_of(response, "WWW-Authenticate"), "Bearer realm=\"keyfob\"");
    }
  }
}

TEST_P(ApiAdmission, is_refused_to_callers_with_every_other_permission) {
  using enum Permission;
  PermissionSet others;
  for (const Permission each : {gateway, token_read, grant_read, grant_write, grant_revoke, management}) {
    if (each != GetParam()->permission) others.add(each);
  }
  world_.gate.add(world_.caller("other", others));
  const http::Response response = ask("other");
  const bool open = GetParam()->audience == Audience::anybody || GetParam()->audience == Audience::caller;
  if (open) {
    EXPECT_NE(response.status, 403);
  } else {
    EXPECT_THAT(response, is_problem(403, "forbidden"));
    EXPECT_NE(text_in(response, "detail").find(to_string(GetParam()->permission)), std::string::npos);
  }
}

TEST_P(ApiAdmission, is_given_to_root) {
  const http::Response response = ask("root");
  EXPECT_NE(response.status, 401);
  // Naming files and programs of the machine, and taking every token away, is for its own command line alone, whoever
  // asks over the network.
  const bool local_only = GetParam()->path == "/v1/keys/rewrap" || GetParam()->path == "/v1/grants:export";
  EXPECT_EQ(response.status == 403, local_only);
}

TEST_P(ApiAdmission, of_operators_is_refused_to_an_applications_admin) {
  world_.gate.add(world_.caller("boss", permissions_of({Permission::admin})));
  const http::Response response = ask("boss");
  if (GetParam()->audience == Audience::operators) {
    EXPECT_THAT(response, is_problem(403, "forbidden"));
  } else {
    EXPECT_NE(response.status, 403);
  }
}

TEST_P(ApiAdmission, waits_until_the_engine_is_ready) {
  world_.ready = false;
  const http::Response response = ask("root");
  if (GetParam()->trait == Trait::always_ready) {
    EXPECT_EQ(response.status, GetParam()->path == "/readyz" ? 503 : 200);
    EXPECT_EQ(header_of(response, "Keyfob-Error"), "");
  } else {
    EXPECT_THAT(response, is_problem(503, "starting"));
    EXPECT_EQ(header_of(response, "Retry-After"), "1");
  }
}

TEST_P(ApiAdmission, knows_no_query_parameter_that_is_not_in_the_table) {
  if (GetParam()->query == "*") return;
  const http::Response response = world_.send(
      {.method = std::string(GetParam()->method), .target = path_of(*GetParam()) + "?bogus=1", .as = "root"});
  EXPECT_THAT(response, is_problem(400, "bad_request"));
}

std::vector<const Endpoint*> all_endpoints() {
  std::vector<const Endpoint*> all;
  for (const Endpoint& endpoint : endpoints()) all.push_back(&endpoint);
  return all;
}

std::string name_of(const ::testing::TestParamInfo<const Endpoint*>& info) {
  std::string name = std::string(info.param->method) + std::string(info.param->path);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Every, ApiAdmission, ::testing::ValuesIn(all_endpoints()), name_of);

class ApiRequests : public ::testing::Test {
 protected:
  ApiWorld world_;
};

TEST_F(ApiRequests, to_nowhere_are_404_and_by_a_wrong_method_405) {
  EXPECT_THAT(world_.get("/v1/nothing"), is_problem(404, "no_route"));
  const http::Response response = world_.send({.method = "PUT", .target = "/v1/grants"});
  EXPECT_THAT(response, is_problem(405, "method_not_allowed"));
  EXPECT_EQ(header_of(response, "Allow"), "POST, GET");
}

TEST_F(ApiRequests, from_the_admin_socket_are_admitted_by_uid) {
  http::Request request{.method = "GET", .target = "/v1/status", .headers = {}, .body = {}, .peer = "unix:uid=0"};
  EXPECT_THAT(world_.run(world_.api.handle(request)), has_status(200));
  for (const char* peer : {"unix:uid=1", "unix:uid=", "unix:uid=0x", "127.0.0.1:5000"}) {
    request.peer = peer;
    EXPECT_THAT(world_.run(world_.api.handle(request)), is_problem(401, "unauthenticated")) << peer;
  }
}

TEST_F(ApiRequests, of_this_process_bring_their_admission) {
  http::Request request{.method = "GET", .target = "/v1/apps", .headers = {}, .body = {}};
  EXPECT_THAT(world_.run(world_.api.handle(std::move(request), world_.gate.callers["root"])), has_status(200));
}

TEST_F(ApiRequests, with_too_large_a_body_are_refused) {
  EXPECT_THAT(world_.post("/v1/grants", std::string(1024 * 1024 + 1, ' ')), is_problem(413, "too_large"));
  EXPECT_THAT(world_.post("/v1/grants:import", std::string(1024 * 1024 + 1, ' ')), has_status(200));
  EXPECT_THAT(world_.post("/v1/grants:import", std::string(24 * 1024 * 1024 + 1, ' ')), is_problem(413, "too_large"));
}

TEST_F(ApiRequests, by_HEAD_are_answered_without_a_body) {
  const http::Response response = world_.send({.method = "HEAD", .target = "/healthz", .as = ""});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
}

TEST_F(ApiRequests, about_the_node_are_answered) {
  EXPECT_EQ(text_in(world_.get("/v1/version"), "version"), "1.2.3");
  EXPECT_EQ(world_.get("/metrics", "").body, "keyfob_up 1\n");
  const auto status = json_of(world_.get("/v1/status", "root"));
  EXPECT_EQ(status.at("applications").as_int64(), 1);
  EXPECT_EQ(status.at("ready").as_bool(), true);
  EXPECT_TRUE(json_of(world_.get("/openapi.json", "")).contains("paths"));
}

}  // namespace
}  // namespace keyfob::api
