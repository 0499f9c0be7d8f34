#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/json_body.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/table.hpp"
#include "base/time.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

struct CallerOptions {
  std::string name;
  std::string app;
  std::vector<std::string> allow;
  std::vector<std::string> users;
  std::vector<std::string> routes;
  std::string expires;
};

std::string path_of(const std::string& name) { return "/v1/callers/" + http::encode_component(name); }

std::string issued(const json::value& caller) {
  return fmt::format("Caller {} may come in with this key, shown only now:\n\n  {}\n\nAuthorization: Bearer KEY\n",
                     text_of(caller, "name"), text_of(caller, "api_key"));
}

std::string caller_details(const json::value& caller) {
  return render_fields({{"name", text_of(caller, "name")},
                        {"id", text_of(caller, "id")},
                        {"application", text_of(caller, "app")},
                        {"permissions", text_of(caller, "permissions")},
                        {"users", text_of(caller, "users")},
                        {"routes", text_of(caller, "routes")},
                        {"disabled", text_of(caller, "disabled")},
                        {"expires", text_of(caller, "expires_at")},
                        {"created", text_of(caller, "created_at")},
                        {"updated", text_of(caller, "updated_at")}});
}

Result<void> caller_add(Context& context, const CallerOptions& o) {
  JsonBody body;
  body.text("name", o.name);
  if (!o.app.empty()) body.text("app", o.app);
  body.texts("permissions", o.allow);
  if (!o.users.empty()) body.texts("users", o.users);
  if (!o.routes.empty()) body.texts("routes", o.routes);
  if (!o.expires.empty()) {
    const auto lifetime = parse_duration(o.expires);
    if (!lifetime)
      return fail(ErrorCode::invalid_argument, fmt::format("--expires {} is no duration", o.expires),
                  "like 90d, 12h or 30m");
    body.number("expires_in", lifetime->count() / 1000);
  }
  auto answer = context.call("POST", "/v1/callers", body.json());
  if (!answer) return fail(answer.error());
  return context.show(*answer, issued);
}

Result<void> caller_list(Context& context) {
  auto answer = context.call("GET", "/v1/callers");
  if (!answer) return fail(answer.error());
  return context.show(*answer, [](const json::value& list) {
    Table table({"NAME", "APPLICATION", "PERMISSIONS", "USERS", "EXPIRES", "DISABLED"});
    for (const auto* caller : elements_of(list, "callers"))
      table.add({text_of(*caller, "name"), text_of(*caller, "app"), text_of(*caller, "permissions"),
                 text_of(*caller, "users"), text_of(*caller, "expires_at"), text_of(*caller, "disabled")});
    return table.empty() ? "No callers yet. Add one with `keyfob caller add`.\n" : table.render();
  });
}

Result<void> caller_show(Context& context, const std::string& name) {
  auto answer = context.call("GET", path_of(name));
  if (!answer) return fail(answer.error());
  return context.show(*answer, caller_details);
}

Result<void> caller_disable(Context& context, const std::string& name) {
  auto answer = context.call("POST", path_of(name) + "/disable");
  if (!answer) return fail(answer.error());
  return context.show(*answer, [&](const json::value&) { return fmt::format("Caller {} is disabled.\n", name); });
}

Result<void> caller_rotate(Context& context, const std::string& name) {
  auto answer = context.call("POST", path_of(name) + "/rotate");
  if (!answer) return fail(answer.error());
  return context.show(*answer, issued);
}

void add_add(CLI::App& group, Action& chosen) {
  auto& add = add_command(
      group, "add", "Let a service in; prints its API key once",
      {{"keyfob caller add backend --app fleet --allow gateway,token:read", ""},
       {"keyfob caller add reports --app fleet --allow gateway --route 'GET /v2.0/vehicles/*/odometer' --expires 90d",
        "only this route, for 90 days"},
       {"keyfob caller add ops --allow admin", "admin of the whole installation"}});
  auto o = std::make_shared<CallerOptions>();
  add.add_option("NAME", o->name, "What people call it")->required()->type_name("");
  add.add_option("--app", o->app, "The application it works for; needed for everything but admin")->type_name("APP");
  add.add_option("--allow", o->allow,
                 "gateway, token:read, grant:read, grant:write, grant:revoke, management, admin; separated by commas")
      ->required()
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("PERM[,PERM...]");
  add.add_option("--user", o->users, "Only this user's grants; may be repeated")
      ->allow_extra_args(false)
      ->type_name("U");
  add.add_option("--route", o->routes, "Only this route: 'METHOD /path/*'; may be repeated")
      ->allow_extra_args(false)
      ->type_name("ROUTE");
  add.add_option("--expires", o->expires, "How long the key works: 90d, 12h")->type_name("DURATION");
  add.callback([o, &chosen] { chosen = [o](Context& c) { return caller_add(c, *o); }; });
}

using NamedAction = Result<void> (*)(Context&, const std::string&);

void add_named(CLI::App& command, NamedAction action, Action& chosen) {
  auto name = std::make_shared<std::string>();
  command.add_option("NAME", *name, "The caller")->required()->type_name("");
  command.callback([name, action, &chosen] { chosen = [name, action](Context& c) { return action(c, *name); }; });
}

}  // namespace

void add_caller_commands(CLI::App& root, Action& chosen) {
  auto& group = add_command(root, "caller", "Callers: the services that may ask for something",
                            {{"keyfob caller add backend --app fleet --allow gateway", ""}});
  add_add(group, chosen);
  add_command(group, "list", "List the callers", {{"keyfob caller list", ""}}).callback([&chosen] {
    chosen = caller_list;
  });
  add_named(
      add_command(group, "show", "Show one caller; its key is never shown again", {{"keyfob caller show backend", ""}}),
      caller_show, chosen);
  add_named(add_command(group, "disable", "Shut a caller out", {{"keyfob caller disable backend", ""}}), caller_disable,
            chosen);
  add_named(add_command(group, "rotate", "Give a caller a new key; the old one works on for a while",
                        {{"keyfob caller rotate backend --json", ""}}),
            caller_rotate, chosen);
}

}  // namespace keyfob::cli
