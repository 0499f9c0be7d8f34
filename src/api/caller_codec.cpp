#include "api/caller_codec.hpp"

#include <algorithm>
#include <array>

#include "api/body_reader.hpp"
#include "base/nearest.hpp"
#include "core/route_pattern.hpp"

namespace keyfob::api {
namespace {

constexpr std::array<std::string_view, 6> kFields = {"name", "app", "permissions", "users", "routes", "expires_in"};
constexpr std::array<std::string_view, 7> kPermissions = {"gateway",      "token:read", "grant:read", "grant:write",
                                                          "grant:revoke", "management", "admin"};

std::vector<Permission> read_permissions(BodyReader& body) {
  std::vector<Permission> out;
  for (const std::string& name : body.texts("permissions")) {
    const auto permission = permission_from(name);
    const std::string near = nearest(name, kPermissions);
    if (permission) {
      out.push_back(*permission);
    } else {
      body.complain("'" + name + "' is no permission",
                    near.empty() ? "see the documentation" : "did you mean '" + near + "'?");
    }
  }
  if (out.empty()) body.complain("'permissions' is missing or empty", "for instance [\"gateway\",\"token:read\"]");
  return out;
}

bool is_route(std::string_view text) {
  const auto space = text.find(' ');
  if (space == 0 || space == std::string_view::npos) return false;
  const auto is_method_char = [](char c) { return c >= 'A' && c <= 'Z'; };
  return std::ranges::all_of(text.substr(0, space), is_method_char) && parse_route_pattern(text.substr(space + 1));
}

std::vector<std::string> read_routes(BodyReader& body) {
  std::vector<std::string> routes = body.texts("routes");
  for (const std::string& route : routes) {
    if (!is_route(route)) body.complain("'" + route + "' is no route", "like 'GET /v2.0/vehicles/*/odometer'");
  }
  return routes;
}

}  // namespace

Answer<CallerRequest> read_new_caller(std::string_view json, WallTime now) {
  BodyReader body(json, kFields);
  CallerRequest request;
  request.app = body.text("app");
  engine::NewCaller& caller = request.caller;
  caller.name = body.text("name", Need::required);
  caller.permissions = read_permissions(body);
  for (std::string& user : body.texts("users")) caller.users.emplace_back(std::move(user));
  caller.routes = read_routes(body);
  if (const auto lifetime = body.duration("expires_in")) {
    if (*lifetime == Milliseconds(0)) body.complain("'expires_in' is 0", "leave it out for a key that does not expire");
    caller.expires_at = now + *lifetime;
  }
  const bool admin = std::ranges::find(caller.permissions, Permission::admin) != caller.permissions.end();
  if (admin && (!caller.users.empty() || !caller.routes.empty())) {
    body.complain("an admin cannot be kept to users or routes", "leave them out, or give other permissions");
  }
  if (body.error()) return refuse(*body.error());
  return request;
}

}  // namespace keyfob::api
