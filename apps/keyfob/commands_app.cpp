#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/json_body.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/secret_ref.hpp"
#include "apps/keyfob/table.hpp"
#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

/// What `app add` and `app set` have in common. Empty: not given.
struct AppOptions {
  std::string name;
  std::string client_id;
  std::string client_secret;
  std::string provider;
  std::string management_token;
  std::string redirect_uri;
  std::string v3_client_id;
  std::string v3_client_secret;
  std::vector<std::string> scopes;
  std::string mode;
  std::vector<std::string> return_to;
  std::string webhook_url;
  std::string webhook_secret;
};

void add_fields(CLI::App& command, AppOptions& o, bool required) {
  command.add_option("NAME", o.name, "What people call it")->required()->type_name("");
  command.add_option("--client-id", o.client_id, "OAuth client id")->required(required)->type_name("ID");
  command.add_option("--client-secret", o.client_secret, "OAuth client secret: @FILE, env:NAME or -")
      ->required(required)
      ->type_name("REF");
  command.add_option("--provider", o.provider, "Provider profile (default: smartcar)")->type_name("NAME");
  command.add_option("--management-token", o.management_token, "Application management token: @FILE, env:NAME or -")
      ->type_name("REF");
  command.add_option("--redirect-uri", o.redirect_uri, "Where the provider sends the browser after consent")
      ->type_name("URL");
  command.add_option("--v3-client-id", o.v3_client_id, "Client id of the v3 API")->type_name("ID");
  command.add_option("--v3-client-secret", o.v3_client_secret, "Client secret of the v3 API: @FILE, env:NAME or -")
      ->type_name("REF");
  command.add_option("--scope", o.scopes, "Permission to ask for at consent; may be repeated")
      ->allow_extra_args(false)
      ->type_name("S");
  command.add_option("--mode", o.mode, "live or simulated")
      ->check(CLI::IsMember({"live", "simulated"}))
      ->type_name("MODE");
  command.add_option("--return-to", o.return_to, "URL a browser may be sent to after consent (exact); may be repeated")
      ->allow_extra_args(false)
      ->type_name("URL");
  command.add_option("--webhook-url", o.webhook_url, "Where the provider's webhooks are passed on to; none: nowhere")
      ->type_name("URL");
  command.add_option("--webhook-secret", o.webhook_secret, "Signs what is passed on: @FILE, env:NAME or -")
      ->type_name("REF");
}

void add_texts(JsonBody& body, const AppOptions& o) {
  const std::pair<const char*, const std::string*> texts[] = {
      {"client_id", &o.client_id},       {"provider", &o.provider}, {"redirect_uri", &o.redirect_uri},
      {"v3_client_id", &o.v3_client_id}, {"mode", &o.mode},
  };
  for (const auto& [name, value] : texts)
    if (!value->empty()) body.text(name, *value);
  if (!o.webhook_url.empty()) body.text("webhook_url", o.webhook_url == "none" ? "" : o.webhook_url);
  if (!o.scopes.empty()) body.texts("scopes", o.scopes);
  if (!o.return_to.empty()) body.texts("return_to", o.return_to);
}

Result<void> add_secrets(JsonBody& body, const AppOptions& o) {
  const std::tuple<const char*, const char*, const std::string*> secrets[] = {
      {"client_secret", "--client-secret", &o.client_secret},
      {"management_token", "--management-token", &o.management_token},
      {"v3_client_secret", "--v3-client-secret", &o.v3_client_secret},
      {"webhook_secret", "--webhook-secret", &o.webhook_secret},
  };
  for (const auto& [name, option, reference] : secrets) {
    if (reference->empty()) continue;
    auto secret = read_secret(*reference, option);
    if (!secret) return fail(secret.error());
    body.secret(name, *secret);
  }
  return {};
}

std::string path_of(const std::string& name) { return "/v1/apps/" + http::encode_component(name); }

std::string app_details(const json::value& app) {
  return render_fields({{"name", text_of(app, "name")},
                        {"id", text_of(app, "id")},
                        {"provider", text_of(app, "provider")},
                        {"client id", text_of(app, "client_id")},
                        {"v3 client id", text_of(app, "v3_client_id")},
                        {"mode", text_of(app, "mode")},
                        {"redirect uri", text_of(app, "redirect_uri")},
                        {"scopes", text_of(app, "scopes")},
                        {"return to", text_of(app, "return_to")},
                        {"webhooks to", text_of(app, "webhook_url")},
                        {"secrets", text_of(app, "secrets")},
                        {"created", text_of(app, "created_at")},
                        {"updated", text_of(app, "updated_at")}});
}

Result<void> app_write(Context& context, const AppOptions& o, bool add) {
  JsonBody body;
  if (add) body.text("name", o.name);
  add_texts(body, o);
  if (auto read = add_secrets(body, o); !read) return read;
  auto answer =
      add ? context.call("POST", "/v1/apps", body.json()) : context.call("PATCH", path_of(o.name), body.json());
  if (!answer) return fail(answer.error());
  return context.show(*answer, [&](const json::value& app) {
    return fmt::format("Application {} {}.\n", text_of(app, "name"), add ? "added" : "changed");
  });
}

Result<void> app_list(Context& context) {
  auto answer = context.call("GET", "/v1/apps");
  if (!answer) return fail(answer.error());
  return context.show(*answer, [](const json::value& list) {
    Table table({"NAME", "PROVIDER", "CLIENT ID", "MODE", "UPDATED"});
    for (const auto* app : elements_of(list, "apps"))
      table.add({text_of(*app, "name"), text_of(*app, "provider"), text_of(*app, "client_id"), text_of(*app, "mode"),
                 text_of(*app, "updated_at")});
    return table.empty() ? "No applications yet. Add one with `keyfob app add`.\n" : table.render();
  });
}

Result<void> app_show(Context& context, const std::string& name) {
  auto answer = context.call("GET", path_of(name));
  if (!answer) return fail(answer.error());
  return context.show(*answer, app_details);
}

Result<void> app_remove(Context& context, const std::string& name, bool yes) {
  if (!yes && !confirm(fmt::format("Remove application {} with all its grants and callers?", name)))
    return fail(ErrorCode::invalid_argument, fmt::format("application {} was not removed: not confirmed", name),
                "its grants, callers and data key would go with it; say --yes when that is what you want");
  auto answer = context.call("DELETE", path_of(name));
  if (!answer) return fail(answer.error());
  return context.show(*answer, [&](const json::value&) { return fmt::format("Application {} removed.\n", name); });
}

void add_writes(CLI::App& group, Action& chosen) {
  auto& add = add_command(group, "add", "Add an application: one OAuth client of one provider",
                          {{"keyfob app add fleet --client-id 8229df9f --client-secret @secret.txt", ""},
                           {"keyfob app add fleet --client-id 8229df9f --client-secret env:SMARTCAR_SECRET \\\n"
                            "      --redirect-uri https://example.com/connect/callback --scope read_odometer",
                            "the secret is read once and sealed"}});
  auto adding = std::make_shared<AppOptions>();
  add_fields(add, *adding, true);
  add.callback([adding, &chosen] { chosen = [adding](Context& c) { return app_write(c, *adding, true); }; });

  auto& set =
      add_command(group, "set", "Change an application; what is not named stays",
                  {{"keyfob app set fleet --client-secret -", "the old secret stays as second choice for a while"},
                   {"keyfob app set fleet --return-to https://example.com/done", ""}});
  auto setting = std::make_shared<AppOptions>();
  add_fields(set, *setting, false);
  set.callback([setting, &chosen] { chosen = [setting](Context& c) { return app_write(c, *setting, false); }; });
}

void add_reads(CLI::App& group, Action& chosen) {
  auto& list = add_command(group, "list", "List the applications", {{"keyfob app list --json", ""}});
  list.callback([&chosen] { chosen = app_list; });

  auto name = std::make_shared<std::string>();
  auto& show =
      add_command(group, "show", "Show one application; secrets are never shown", {{"keyfob app show fleet", ""}});
  show.add_option("NAME", *name, "The application")->required()->type_name("");
  show.callback([name, &chosen] { chosen = [name](Context& c) { return app_show(c, *name); }; });

  auto yes = std::make_shared<bool>(false);
  auto& remove =
      add_command(group, "remove", "Remove an application, its grants, callers and data key",
                  {{"keyfob app remove fleet --yes", "backups made before still hold the wrapped data key"}});
  remove.add_option("NAME", *name, "The application")->required()->type_name("");
  remove.add_flag("--yes", *yes, "Do not ask");
  remove.callback([name, yes, &chosen] { chosen = [name, yes](Context& c) { return app_remove(c, *name, *yes); }; });
}

}  // namespace

void add_app_commands(CLI::App& root, Action& chosen) {
  auto& group = add_command(root, "app", "Applications: the OAuth clients whose grants are kept",
                            {{"keyfob app add fleet --client-id ID --client-secret @secret.txt", ""}});
  add_writes(group, chosen);
  add_reads(group, chosen);
}

}  // namespace keyfob::cli
