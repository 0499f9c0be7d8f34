#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "apps/keyfob/commands_moving.hpp"
#include "apps/keyfob/json_body.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/table.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 500;

struct ListOptions {
  std::string app;
  std::string user;
  std::string vehicle;
  std::string status;
  std::size_t limit = 100;
};

struct ConnectOptions {
  std::string app;
  std::string user;
  std::string return_to;
  std::vector<std::string> scopes;
  std::string make;
  std::string vin;
  std::string flags;
  std::string external_id;
  std::string reauthenticate;
  bool single_select = false;
  bool force = false;
  bool share_user = false;
  bool confirm = false;
};

std::string path_of(const std::string& id) { return "/v1/grants/" + http::encode_component(id); }

/// Why the owner should look at something, and which vehicle it is about.
std::string attention_of(const json::value& grant) {
  const auto* attention = grant.is_object() ? grant.as_object().if_contains("attention") : nullptr;
  if (attention == nullptr || !attention->is_object()) return {};
  const std::string vehicle = text_of(*attention, "vehicle");
  return text_of(*attention, "reason") + (vehicle.empty() ? "" : " (" + vehicle + ")");
}

std::string grant_details(const json::value& grant) {
  return render_fields({{"id", text_of(grant, "id")},
                        {"application", text_of(grant, "app")},
                        {"user", text_of(grant, "user")},
                        {"provider user", text_of(grant, "provider_user")},
                        {"vehicles", text_of(grant, "vehicles")},
                        {"scope", text_of(grant, "scope")},
                        {"status", text_of(grant, "status")},
                        {"attention", attention_of(grant)},
                        {"generation", text_of(grant, "generation")},
                        {"epoch", text_of(grant, "epoch")},
                        {"access token until", text_of(grant, "access_expires_at")},
                        {"refresh token until", text_of(grant, "refresh_expires_at")},
                        {"created", text_of(grant, "created_at")},
                        {"updated", text_of(grant, "updated_at")}});
}

std::string list_target(const ListOptions& o, std::size_t limit, const std::string& cursor) {
  std::string target = fmt::format("/v1/grants?limit={}", limit);
  const std::pair<const char*, const std::string*> filters[] = {
      {"app", &o.app}, {"user", &o.user}, {"vehicle", &o.vehicle}, {"status", &o.status}, {"cursor", &cursor}};
  for (const auto& [name, value] : filters)
    if (!value->empty()) target += fmt::format("&{}={}", name, http::encode_component(*value));
  return target;
}

std::string grant_table(const json::value& list) {
  Table table({"ID", "USER", "VEHICLES", "STATUS", "TOKEN UNTIL", "CONSENT UNTIL", "ATTENTION"});
  for (const auto* grant : elements_of(list, "grants"))
    table.add({text_of(*grant, "id"), text_of(*grant, "user"), text_of(*grant, "vehicles"), text_of(*grant, "status"),
               text_of(*grant, "access_expires_at"), text_of(*grant, "refresh_expires_at"), attention_of(*grant)});
  if (table.empty()) return "No grants.\n";
  const bool more = !text_of(list, "next_cursor").empty();
  return table.render() + (more ? "There are more: raise --limit or narrow the search.\n" : "");
}

/// Pages are followed until `limit` grants are there.
Result<void> grant_list(Context& context, const ListOptions& o) {
  json::array grants;
  std::string cursor;
  do {
    auto page = context.call("GET", list_target(o, std::min(kPage, o.limit - grants.size()), cursor));
    if (!page) return fail(page.error());
    for (const auto* grant : elements_of(page->value, "grants")) grants.push_back(*grant);
    cursor = text_of(page->value, "next_cursor");
  } while (!cursor.empty() && grants.size() < o.limit);
  json::object all;
  all["grants"] = std::move(grants);
  if (cursor.empty()) {
    all["next_cursor"] = nullptr;
  } else {
    all["next_cursor"] = cursor;
  }
  ApiAnswer answer{200, json::serialize(all), all};
  return context.show(answer, grant_table);
}

Result<void> grant_show(Context& context, const std::string& id) {
  auto answer = context.call("GET", path_of(id));
  if (!answer) return fail(answer.error());
  return context.show(*answer, grant_details);
}

Result<void> grant_refresh(Context& context, const std::string& id) {
  auto answer = context.call("POST", path_of(id) + "/refresh");
  if (!answer) return fail(answer.error());
  return context.show(*answer, [](const json::value& grant) {
    return fmt::format("Grant {} has a new token pair (generation {}), good until {}.\n", text_of(grant, "id"),
                       text_of(grant, "generation"), text_of(grant, "access_expires_at"));
  });
}

Result<void> grant_revoke(Context& context, const std::string& id) {
  auto answer = context.call("DELETE", path_of(id));
  if (!answer) return fail(answer.error());
  const bool trying = answer->status == 202;
  return context.show(*answer, [&](const json::value&) {
    return trying ? fmt::format("Grant {} is being revoked: the provider did not confirm yet, Keyfob goes on trying.\n",
                                id)
                  : fmt::format("Grant {} is revoked and its tokens are gone.\n", id);
  });
}

Result<void> grant_remove(Context& context, const std::string& id, bool yes) {
  if (!yes && !confirm(fmt::format("Forget grant {} without revoking it at the provider?", id)))
    return fail(ErrorCode::invalid_argument, fmt::format("grant {} was not removed: not confirmed", id),
                "say --yes to forget it here only; `keyfob grant revoke` also ends it at the provider");
  auto answer = context.call("DELETE", path_of(id) + "/record");
  if (!answer) return fail(answer.error());
  return context.show(*answer, [&](const json::value&) { return fmt::format("Grant {} is forgotten.\n", id); });
}

Result<void> connect(Context& context, const ConnectOptions& o) {
  JsonBody body;
  body.text("user", o.user);
  if (!o.return_to.empty()) body.text("return_to", o.return_to);
  if (!o.scopes.empty()) body.texts("scope", o.scopes);
  const std::pair<const char*, const std::string*> texts[] = {{"make", &o.make},
                                                              {"single_select_vin", &o.vin},
                                                              {"flags", &o.flags},
                                                              {"external_id", &o.external_id},
                                                              {"reauthenticate", &o.reauthenticate}};
  for (const auto& [name, value] : texts)
    if (!value->empty()) body.text(name, *value);
  if (o.single_select || !o.vin.empty()) body.boolean("single_select", true);
  if (o.force) body.boolean("force", true);
  if (o.share_user) body.boolean("share_user", true);
  if (o.confirm) body.boolean("confirm", true);
  auto answer = context.call("POST", "/v1/connect?app=" + http::encode_component(o.app), body.json());
  if (!answer) return fail(answer.error());
  return context.show(*answer, [](const json::value& link) { return text_of(link, "url") + "\n"; });
}

void add_list(CLI::App& group, Action& chosen) {
  auto o = std::make_shared<ListOptions>();
  auto& list = add_command(group, "list", "Search grants by application, user, vehicle and status",
                           {{"keyfob grant list --app fleet --status needs_reauth", "owners who must consent again"},
                            {"keyfob grant list --vehicle 36ab27d0 --json", ""}});
  list.add_option("--app", o->app, "Only this application")->type_name("A");
  list.add_option("--user", o->user, "Only this user")->type_name("U");
  list.add_option("--vehicle", o->vehicle, "Only grants that open this vehicle")->type_name("V");
  list.add_option("--status", o->status, "active, suspect, needs_reauth, revoking or revoked")->type_name("S");
  list.add_option("--limit", o->limit, "At most this many (default 100)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->type_name("N");
  list.callback([o, &chosen] { chosen = [o](Context& c) { return grant_list(c, *o); }; });
}

using NamedAction = Result<void> (*)(Context&, const std::string&);

void add_named(CLI::App& command, NamedAction action, Action& chosen) {
  auto id = std::make_shared<std::string>();
  command.add_option("ID", *id, "The grant")->required()->type_name("");
  command.callback([id, action, &chosen] { chosen = [id, action](Context& c) { return action(c, *id); }; });
}

void add_remove(CLI::App& group, Action& chosen) {
  auto id = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  auto& remove = add_command(group, "remove", "Forget a grant here without revoking it at the provider",
                             {{"keyfob grant remove 7b1f --yes", ""}});
  remove.add_option("ID", *id, "The grant")->required()->type_name("");
  remove.add_flag("--yes", *yes, "Do not ask");
  remove.callback([id, yes, &chosen] { chosen = [id, yes](Context& c) { return grant_remove(c, *id, *yes); }; });
}

void add_connect_parameters(CLI::App& command, ConnectOptions& o) {
  command.add_option("--make", o.make, "Skip the choice of brand")->type_name("MAKE");
  command.add_flag("--single-select", o.single_select, "One vehicle only");
  command.add_option("--single-select-vin", o.vin, "This vehicle only")->type_name("VIN");
  command.add_option("--flags", o.flags, "The provider's own switches, as 'country:DE color:00819D'")->type_name("F");
  command.add_option("--external-id", o.external_id, "An id of yours that comes back in webhooks")->type_name("ID");
  command.add_option("--reauthenticate", o.reauthenticate, "Renew the connection of this vehicle; its tokens stay")
      ->type_name("VEHICLE");
  command.add_flag("--force", o.force, "Ask even who consented before");
  command.add_flag("--share-user", o.share_user, "Tell the provider the user's id, too");
  command.add_flag("--confirm", o.confirm, "Usable only after POST /v1/connect/confirm");
}

void add_connect(CLI::App& root, Action& chosen) {
  auto o = std::make_shared<ConnectOptions>();
  auto& command = add_command(root, "connect", "Make the link that asks a vehicle's owner for consent",
                              {{"keyfob connect --app fleet --user user-17", "send the owner's browser there"}});
  command.add_option("--app", o->app, "The application")->required()->type_name("APP");
  command.add_option("--user", o->user, "Your own id of the vehicle's owner")->required()->type_name("U");
  command.add_option("--return-to", o->return_to, "Where the browser goes in the end; one of the application's")
      ->type_name("URL");
  command.add_option("--scope", o->scopes, "Ask for this instead of the application's scopes; may be repeated")
      ->allow_extra_args(false)
      ->type_name("S");
  add_connect_parameters(command, *o);
  command.callback([o, &chosen] { chosen = [o](Context& c) { return connect(c, *o); }; });
}

}  // namespace

void add_grant_commands(CLI::App& root, Action& chosen) {
  auto& group = add_command(root, "grant", "Grants: what vehicle owners allowed, one token pair each",
                            {{"keyfob grant list --user user-17", ""}});
  add_list(group, chosen);
  add_named(add_command(group, "show", "Show one grant; tokens are never shown", {{"keyfob grant show 7b1f", ""}}),
            grant_show, chosen);
  add_named(add_command(group, "refresh", "Rotate a grant's token pair now", {{"keyfob grant refresh 7b1f", ""}}),
            grant_refresh, chosen);
  add_named(add_command(group, "revoke", "End a grant at the provider, then forget its tokens",
                        {{"keyfob grant revoke 7b1f", ""}}),
            grant_revoke, chosen);
  add_remove(group, chosen);
  add_import_command(group, chosen);
  add_export_command(group, chosen);
  add_reconcile_commands(group, chosen);
  add_connect(root, chosen);
}

}  // namespace keyfob::cli
