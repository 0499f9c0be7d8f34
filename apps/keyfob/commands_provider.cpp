#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/profiles.hpp"
#include "apps/keyfob/table.hpp"
#include "config/parse.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

json::value route_json(const RouteRule& route) {
  json::object out;
  out["match"] = route.match;
  out["origin"] = route.origin;
  out["credential"] = oauth::to_string(route.credential);
  out["scheme"] = oauth::to_string(route.scheme);
  out["methods"] = json::value_from(route.methods);
  out["permission"] = route.permission;
  if (!route.when.empty()) out["when"] = route.when;
  return out;
}

json::value profile_json(const ProviderProfile& profile) {
  json::object out;
  out["name"] = profile.name;
  out["authorize_url"] = profile.authorize_url;
  out["token_url"] = profile.token_url;
  out["revocation_url"] = profile.revoke.revocation_url;
  out["client_auth"] = oauth::to_string(profile.client_auth);
  out["pkce"] = profile.pkce;
  out["rotation"] = oauth::to_string(profile.rotation);
  out["access_ttl"] = format_duration(profile.access_ttl);
  out["refresh_ttl"] = format_duration(profile.refresh_ttl);
  out["reuse_window"] = format_duration(profile.reuse_window);
  json::array routes;
  for (const auto& route : profile.routes) routes.push_back(route_json(route));
  out["routes"] = std::move(routes);
  return out;
}

std::string profile_details(const ProviderProfile& profile) {
  std::string out = render_fields({{"name", profile.name},
                                   {"authorize url", profile.authorize_url},
                                   {"token url", profile.token_url},
                                   {"revocation url", profile.revoke.revocation_url},
                                   {"client auth", std::string(oauth::to_string(profile.client_auth))},
                                   {"pkce", profile.pkce ? "yes" : "no"},
                                   {"rotation", std::string(oauth::to_string(profile.rotation))},
                                   {"access token lives", format_duration(profile.access_ttl)},
                                   {"refresh token lives", format_duration(profile.refresh_ttl)},
                                   {"reuse window", format_duration(profile.reuse_window)}});
  Table routes({"ROUTE", "ORIGIN", "CREDENTIAL", "PERMISSION", "WHEN"});
  for (const auto& route : profile.routes)
    routes.add(
        {route.match, route.origin, std::string(oauth::to_string(route.credential)), route.permission, route.when});
  return routes.empty() ? out : out + "\n" + routes.render();
}

/// The configuration's profiles; without a configuration the built-in ones.
Result<oauth::ProfileTable> profiles_in_use(Context& context) {
  if (!context.config_file()) return node::make_profiles({});
  auto config = context.config();
  if (!config) return fail(config.error());
  return node::make_profiles(**config);
}

Result<void> show_table(Context& context, const oauth::ProfileTable& profiles) {
  if (context.json()) {
    json::array names;
    for (const auto& [name, profile] : profiles) names.push_back(profile_json(profile));
    json::object out;
    out["providers"] = std::move(names);
    return context.show_text(json::serialize(out) + "\n");
  }
  Table table({"NAME", "TOKEN URL", "CLIENT AUTH", "ROTATION", "REUSE WINDOW"});
  for (const auto& [name, profile] : profiles)
    table.add({name, profile.token_url, std::string(oauth::to_string(profile.client_auth)),
               std::string(oauth::to_string(profile.rotation)), format_duration(profile.reuse_window)});
  return context.show_text(table.render());
}

Result<void> provider_list(Context& context) {
  auto profiles = profiles_in_use(context);
  if (!profiles) return fail(profiles.error());
  return show_table(context, *profiles);
}

Result<void> provider_show(Context& context, const std::string& name) {
  auto profiles = profiles_in_use(context);
  if (!profiles) return fail(profiles.error());
  const auto found = profiles->find(name);
  if (found == profiles->end())
    return fail(ErrorCode::not_found, fmt::format("there is no provider {}", name),
                "`keyfob provider list` shows them");
  if (context.json()) return context.show_text(json::serialize(profile_json(found->second)) + "\n");
  return context.show_text(profile_details(found->second));
}

/// What a profile leaves open, and what that means.
std::vector<std::string> notes_on(const config::ProviderConfig& written, const ProviderProfile& profile,
                                  const config::RefreshConfig& refresh) {
  std::vector<std::string> notes;
  const auto note = [&](bool holds, std::string text) {
    if (holds) notes.push_back(std::move(text));
  };
  note(profile.reuse_window.count() == 0, "strict: a pair that is lost on its way cannot be asked for again");
  note(profile.authorize_url.empty(), "no authorize_url: grants can be imported, consent cannot be asked for");
  note(profile.identity.user_url.empty(), "no user_url: nobody is asked whose token it is");
  note(profile.revoke.revocation_url.empty() && profile.revoke.vehicle_url.empty(),
       "no revocation_url: revoking only forgets the tokens here");
  note(profile.routes.empty(), "no routes: no call passes the gateway; GET /v1/token works");
  note(!written.built_in && !written.refresh_ttl,
       "no refresh_ttl: refresh tokens are taken to live " + format_duration(profile.refresh_ttl));
  note(!written.built_in && !written.dead_grant, "no dead_grant: only invalid_grant means that a grant is dead");
  note(profile.refresh_ttl <= refresh.keep_alive,
       fmt::format("refresh_ttl {} is not longer than refresh.keep_alive {}: set that lower, or idle grants are "
                   "refreshed all the time",
                   format_duration(profile.refresh_ttl), format_duration(refresh.keep_alive)));
  return notes;
}

Result<void> show_checked(Context& context, const config::Config& config, const oauth::ProfileTable& checked) {
  json::array providers;
  std::string notes;
  for (const auto& written : config.providers) {
    const auto found = checked.find(written.name);
    if (found == checked.end()) continue;
    const auto own = notes_on(written, found->second, config.refresh);
    for (const std::string& note : own) notes += written.name + ": " + note + "\n";
    json::value one = profile_json(found->second);
    one.as_object()["notes"] = json::value_from(own);
    providers.push_back(std::move(one));
  }
  if (context.json())
    return context.show_text(json::serialize(json::object{{"providers", std::move(providers)}}) + "\n");
  if (auto shown = show_table(context, checked); !shown) return shown;
  return context.show_text(notes.empty() ? "" : "\n" + notes);
}

Result<void> provider_check(Context& context, const std::string& file) {
  auto config = config::load_config(file);
  if (!config) return fail(config.error());
  auto profiles = node::make_profiles(*config);
  if (!profiles) return fail(profiles.error());
  oauth::ProfileTable checked;
  for (const auto& provider : config->providers)
    if (const auto found = profiles->find(provider.name); found != profiles->end()) checked.insert(*found);
  if (checked.empty())
    return fail(ErrorCode::invalid_argument, fmt::format("{} describes no provider", file),
                "write a section [providers.NAME] with at least token_url and reuse_window");
  return show_checked(context, *config, checked);
}

}  // namespace

void add_provider_commands(CLI::App& root, Action& chosen) {
  auto& group = add_command(root, "provider", "Provider profiles: what is different about each OAuth provider",
                            {{"keyfob provider show smartcar", ""}});
  add_command(group, "list", "List the profiles, built in and from the configuration", {{"keyfob provider list", ""}})
      .callback([&chosen] { chosen = provider_list; });
  auto text = std::make_shared<std::string>();
  auto& show = add_command(group, "show", "Show one profile with its routes", {{"keyfob provider show smartcar", ""}});
  show.add_option("NAME", *text, "The profile")->required()->type_name("");
  show.callback([text, &chosen] { chosen = [text](Context& c) { return provider_show(c, *text); }; });
  auto& check = add_command(group, "check", "Check a file with [providers.NAME] sections of your own",
                            {{"keyfob provider check acme.toml", ""}});
  check.add_option("FILE", *text, "The file")->required()->type_name("");
  check.callback([text, &chosen] { chosen = [text](Context& c) { return provider_check(c, *text); }; });
}

}  // namespace keyfob::cli
