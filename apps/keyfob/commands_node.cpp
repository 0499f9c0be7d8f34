#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/daemon.hpp"
#include "apps/keyfob/init_directory.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

struct InitOptions {
  std::string dir = ".";
  node::InitRequest request{};
};

Result<void> show_init(Context& context, const node::InitReport& made) {
  if (context.json()) {
    json::object out;
    out["config"] = made.config.string();
    json::array files;
    for (const auto& file : made.files) files.push_back(json::string(file.string()));
    out["files"] = std::move(files);
    return context.show_text(json::serialize(out) + "\n");
  }
  std::string out;
  for (const auto& file : made.files) out += fmt::format("Made {}\n", file.string());
  const auto config = made.config.string();
  out += fmt::format(
      "\nThe master key opens everything that Keyfob stores: keep a copy of it apart from the backups.\n"
      "\nNext:\n"
      "  keyfob --config {0} app add NAME --client-id ID --client-secret @FILE\n"
      "  keyfob --config {0} caller add backend --app NAME --allow gateway,token:read\n"
      "  keyfob --config {0} serve\n",
      config);
  return context.show_text(out);
}

Result<void> init(Context& context, const InitOptions& o) {
  auto request = o.request;
  request.dir = o.dir;
  auto made = node::init_directory(request);
  if (!made) return fail(made.error());
  return show_init(context, *made);
}

Result<void> serve(Context& context) {
  auto config = context.config();
  if (!config) return fail(config.error());
  auto file = context.config_file();
  if (!file) return fail(file.error());
  return node::serve({**config, *file, context.verbose()});
}

Result<void> version(Context& context) {
  if (context.json()) return context.show_text("{\"version\":\"" KEYFOB_VERSION "\"}\n");
  return context.show_text("keyfob " KEYFOB_VERSION "\n");
}

void add_init(CLI::App& root, Action& chosen) {
  auto o = std::make_shared<InitOptions>();
  auto& command =
      add_command(root, "init", "Make a configuration, a master key and an empty store",
                  {{"keyfob init --dir /etc/keyfob", ""},
                   {"keyfob init --dir kf --master-key file:/run/secrets/keyfob.key", "a key of your own"}});
  command.add_option("--dir", o->dir, "Directory to fill; it may exist when it is empty (default: .)")
      ->type_name("DIR");
  command.add_option("--store", o->request.store, "Where grants are kept (default: sqlite:keyfob.db)")
      ->type_name("URL");
  command.add_option("--master-key", o->request.master_key, "Where the master key is (default: file:keyfob.key)")
      ->type_name("REF");
  command.callback([o, &chosen] { chosen = [o](Context& c) { return init(c, *o); }; });
}

}  // namespace

void add_node_commands(CLI::App& root, Action& chosen) {
  add_init(root, chosen);
  add_command(root, "serve", "Run the gateway and the API until SIGTERM",
              {{"keyfob --config /etc/keyfob/keyfob.toml serve", "SIGTERM drains, SIGHUP checks the configuration"}})
      .callback([&chosen] { chosen = serve; });
  add_command(root, "version", "Show the version", {{"keyfob version --json", ""}}).callback([&chosen] {
    chosen = version;
  });
}

}  // namespace keyfob::cli
