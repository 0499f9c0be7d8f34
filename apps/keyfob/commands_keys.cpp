#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <memory>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/json_body.hpp"
#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/table.hpp"
#include "apps/keyfob/terminal.hpp"
#include "config/address.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

struct KeyOptions {
  std::string app;
  std::string master_key;
  std::string forget_node;
};

Result<std::vector<std::string>> apps_meant(Context& context, const std::string& named) {
  if (!named.empty()) return std::vector<std::string>{named};
  auto answer = context.call("GET", "/v1/apps");
  if (!answer) return fail(answer.error());
  std::vector<std::string> names;
  for (const auto* app : elements_of(answer->value, "apps")) names.push_back(text_of(*app, "name"));
  return names;
}

Result<void> keys_list(Context& context, const KeyOptions& o) {
  const std::string query = o.app.empty() ? std::string() : "?app=" + http::encode_component(o.app);
  auto answer = context.call("GET", "/v1/keys" + query);
  if (!answer) return fail(answer.error());
  return context.show(*answer, [](const json::value& list) {
    Table table({"APPLICATION", "KEY", "PRIMARY", "MASTER KEY", "CREATED", "IN USE BY NODES"});
    for (const auto* key : elements_of(list, "keys"))
      table.add({text_of(*key, "app"), text_of(*key, "id"), text_of(*key, "primary"), text_of(*key, "master"),
                 text_of(*key, "created_at"), text_of(*key, "nodes")});
    return table.empty() ? "No data keys yet: each application gets one with `keyfob app add`.\n" : table.render();
  });
}

ApiAnswer list_of(std::string_view name, std::vector<std::string> items) {
  ApiAnswer answer;
  answer.text = fmt::format("{{\"{}\":[{}]}}", name, fmt::join(items, ","));
  answer.value = json::parse(answer.text);
  return answer;
}

Result<void> keys_rotate(Context& context, const KeyOptions& o) {
  auto apps = apps_meant(context, o.app);
  if (!apps) return fail(apps.error());
  std::vector<std::string> items;
  for (const auto& app : *apps) {
    JsonBody body;
    body.text("app", app);
    auto answer = context.call("POST", "/v1/keys/rotate", body.json());
    if (!answer) return fail(answer.error());
    items.push_back(answer->text);
  }
  return context.show(list_of("rotated", std::move(items)), [](const json::value& list) {
    std::string out;
    for (const auto* key : elements_of(list, "rotated"))
      out += fmt::format("Application {} seals with data key {} from now on.\n", text_of(*key, "app"),
                         text_of(*key, "id"));
    return out +
           "What is stored moves as it rotates; `keyfob keys reseal` moves it now, a running daemon in the "
           "background.\n";
  });
}

/// Pass after pass, until one neither moves anything nor retires a key.
Result<ApiAnswer> reseal_one(Context& context, const std::string& app) {
  JsonBody body;
  body.text("app", app);
  std::uint64_t moved = 0;
  for (;;) {
    auto answer = context.call("POST", "/v1/keys/reseal", body.json());
    if (!answer) return answer;
    const json::object& progress = answer->value.as_object();
    const bool ended = progress.at("pass_ended").as_bool();
    if (stderr_is_terminal()) print_error(fmt::format("\r{}: {} looked at ", app, text_of(answer->value, "seen")));
    if (!ended) continue;
    const auto moved_now = progress.at("moved").to_number<std::uint64_t>();
    moved += moved_now;
    if (!progress.at("done").as_bool() && moved_now > 0) continue;
    if (stderr_is_terminal()) print_error("\n");
    json::object total = progress;
    total["moved"] = moved;
    answer->value = total;
    answer->text = json::serialize(total);
    return answer;
  }
}

std::string resealed_text(const json::value& list) {
  std::string out;
  for (const auto* one : elements_of(list, "resealed")) {
    const std::string app = text_of(*one, "app");
    out += fmt::format("Application {}: {} records moved", app, text_of(*one, "moved"));
    if (const auto damaged = text_of(*one, "damaged"); damaged != "0") out += fmt::format(", {} do not open", damaged);
    out += ".\n";
    for (const auto* key : elements_of(*one, "kept"))
      out += fmt::format("  data key {} stays: {}\n", text_of(*key, "id"), text_of(*key, "why"));
  }
  return out.empty() ? "There is no application.\n" : out;
}

Result<void> forget(Context& context, const std::string& node) {
  JsonBody body;
  body.text("node", node);
  auto answer = context.call("POST", "/v1/keys/forget-node", body.json());
  if (!answer) return fail(answer.error());
  return {};
}

Result<void> keys_reseal(Context& context, const KeyOptions& o) {
  if (!o.forget_node.empty()) {
    if (auto forgotten = forget(context, o.forget_node); !forgotten) return forgotten;
  }
  auto apps = apps_meant(context, o.app);
  if (!apps) return fail(apps.error());
  std::vector<std::string> items;
  for (const auto& app : *apps) {
    auto answer = reseal_one(context, app);
    if (!answer) return fail(answer.error());
    items.push_back(answer->text);
  }
  return context.show(list_of("resealed", std::move(items)), resealed_text);
}

Result<void> keys_rewrap(Context& context, const KeyOptions& o) {
  const std::string reference = config::resolve_reference(std::filesystem::current_path(), o.master_key);
  JsonBody body;
  body.text("master_key", reference);
  auto answer = context.call("POST", "/v1/keys/rewrap", body.json());
  if (!answer) return fail(answer.error());
  return context.show(*answer, [&](const json::value& done) {
    std::string out;
    if (text_of(done, "created") == "true") out += fmt::format("Made a new master key: {}\n", reference);
    out += fmt::format("{} data keys are wrapped by master key {} now.\n", text_of(done, "rewrapped"),
                       text_of(done, "master"));
    return out + fmt::format(
                     "Before the next start: set [keys] master = \"{}\" in the configuration of every node.\n"
                     "Backups made before still need the old master key.\n",
                     reference);
  });
}

using KeyAction = Result<void> (*)(Context&, const KeyOptions&);

std::shared_ptr<KeyOptions> add_key_command(CLI::App& command, KeyAction action, Action& chosen) {
  auto o = std::make_shared<KeyOptions>();
  command.callback([o, action, &chosen] { chosen = [o, action](Context& c) { return action(c, *o); }; });
  return o;
}

}  // namespace

void add_keys_commands(CLI::App& root, Action& chosen) {
  auto& group = add_command(root, "keys", "Keys: the data keys of applications and the master key that wraps them",
                            {{"keyfob keys rotate && keyfob keys reseal", "a new data key for every application"}});
  auto& list = add_command(group, "list", "List the data keys", {{"keyfob keys list", ""}});
  list.add_option("--app", add_key_command(list, keys_list, chosen)->app, "Only this application")->type_name("APP");
  auto& rotate = add_command(group, "rotate", "Seal with a new data key from now on",
                             {{"keyfob keys rotate --app fleet", "only this application"}});
  rotate.add_option("--app", add_key_command(rotate, keys_rotate, chosen)->app, "Only this application")
      ->type_name("APP");
  auto& reseal = add_command(
      group, "reseal", "Move what is stored to the newest data key and destroy older ones",
      {{"keyfob keys reseal", "may be interrupted and run again at any time"},
       {"keyfob keys reseal --forget-node n_abc", "a node is gone for good, with whatever its spool held"}});
  auto o = add_key_command(reseal, keys_reseal, chosen);
  reseal.add_option("--app", o->app, "Only this application")->type_name("APP");
  reseal.add_option("--forget-node", o->forget_node, "A node that will never come back, as `keys list` names it")
      ->type_name("NODE");
  auto& rewrap = add_command(group, "rewrap", "Wrap every data key by another master key, or none",
                             {{"keyfob keys rewrap --master-key file:new.key", "makes the file when it is not there"},
                              {"keyfob keys rewrap --master-key exec:/usr/lib/keyfob/kms", ""}});
  rewrap.add_option("--master-key", add_key_command(rewrap, keys_rewrap, chosen)->master_key, "The new master key")
      ->required()
      ->type_name("REF");
}

}  // namespace keyfob::cli
