#pragma once
// ApiWorld: the API over the real engine of a World, and callers that are made by saying what they may do. Header-only;
// link api and testing.

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <string>

#include "api/api.hpp"
#include "testing/world.hpp"

namespace keyfob::testing {

/// Admits "Bearer NAME" for the names it was told, and uid 0.
class NamedCallers final : public Gatekeeper {
 public:
  [[nodiscard]] std::uint64_t revision() const noexcept override { return 1; }
  [[nodiscard]] std::expected<std::shared_ptr<const Admission>, AccessProblem> admit(
      const Evidence& evidence) override {
    const std::string name(evidence.authorization.substr(std::min<std::size_t>(7, evidence.authorization.size())));
    const auto found = callers.find(evidence.unix_uid == 0U ? "root" : name);
    if (found == callers.end()) return std::unexpected(AccessProblem::unauthenticated);
    return found->second;
  }

  void add(Admission admission) {
    admission.caller = CallerId(admission.name);
    const std::string name = admission.name;
    callers[name] = std::make_shared<const Admission>(std::move(admission));
  }

  std::map<std::string, std::shared_ptr<const Admission>> callers;
};

[[nodiscard]] inline PermissionSet permissions_of(std::initializer_list<Permission> list) {
  PermissionSet set;
  for (const Permission permission : list) set.add(permission);
  return set;
}

/// What a test asks for.
struct Ask {
  std::string method = "GET";
  std::string target{};
  std::string body{};
  std::string as = "backend";  ///< name of a caller; empty: no Authorization
  std::vector<http::Header> headers{};
};

class ApiWorld : public World {
 public:
  /// One application, `backend` (everything in it but admin) and `root` (the whole installation).
  ApiWorld() {
    add_app();
    using enum Permission;
    Admission root;
    root.name = "root";
    root.permissions = permissions_of({admin});
    gate.add(std::move(root));
    gate.add(caller("backend", permissions_of({gateway, token_read, grant_read, grant_write, grant_revoke})));
  }

  [[nodiscard]] Admission caller(std::string name, PermissionSet permissions) const {
    Admission admission;
    admission.name = std::move(name);
    admission.app = app;
    admission.provider = "smartcar";
    admission.permissions = permissions;
    return admission;
  }

  http::Response send(const Ask& ask) {
    http::Request request{.method = ask.method, .target = ask.target, .headers = ask.headers, .body = ask.body};
    if (!ask.as.empty()) request.headers.push_back({"Authorization", "Bearer " + ask.as});
    return run(api.handle(std::move(request)));
  }
  http::Response get(std::string target, std::string as = "backend") {
    return send({.target = std::move(target), .as = std::move(as)});
  }
  http::Response post(std::string target, std::string body, std::string as = "backend") {
    return send({.method = "POST", .target = std::move(target), .body = std::move(body), .as = std::move(as)});
  }
  http::Response del(std::string target, std::string as = "backend") {
    return send({.method = "DELETE", .target = std::move(target), .as = std::move(as)});
  }

  NamedCallers gate;
  bool ready = true;
  int access_changes = 0;
  api::Api api{*engine, gate, clock, options()};

 private:
  api::ApiOptions options() {
    return {.version = "1.2.3",
            .ready = [this] { return ready; },
            .metrics = [] { return std::string("keyfob_up 1\n"); },
            .access_changed = [this] { ++access_changes; }};
  }
};

[[nodiscard]] inline boost::json::object json_of(const http::Response& response) {
  boost::system::error_code error;
  auto value = boost::json::parse(response.body, error);
  return value.is_object() ? value.as_object() : boost::json::object();
}
[[nodiscard]] inline std::string text_in(const http::Response& response, std::string_view member) {
  const boost::json::object object = json_of(response);
  const auto* value = object.if_contains(boost::json::string_view(member));
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
[[nodiscard]] inline std::string header_of(const http::Response& response, std::string_view name) {
  return std::string(http::find_header(response.headers, name).value_or(std::string_view()));
}

MATCHER_P(has_status, status, "") {
  *result_listener << "status " << arg.status << ": " << arg.body;
  return arg.status == status;
}
MATCHER_P2(is_problem, status, code, "") {
  *result_listener << "status " << arg.status << ": " << arg.body;
  return arg.status == status && header_of(arg, "Keyfob-Error") == code && text_in(arg, "code") == code &&
         header_of(arg, "Content-Type") == "application/problem+json";
}

}  // namespace keyfob::testing
