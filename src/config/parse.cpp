#include "config/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "config/read.hpp"

namespace keyfob::config {
namespace {

void read_root(Section root, const ReadContext& context, Config& config) {
  read_server(root.section("server"), context, config);
  read_node(root.section("node"), context, config.node);
  read_store(root.section("store"), context, config.store);
  read_keys(root.section("keys"), context, config.keys);
  const Section refresh = root.section("refresh");
  read_refresh(refresh, config.refresh);
  read_cache(root.section("cache"), config.cache);
  read_audit(root.section("audit"), config.audit);
  read_console(root.section("console"), config.console);
  read_log(root.section("log"), config.log);
  read_upstream(root.section("upstream"), context, config.upstream);
  read_events(root.section("events"), context, config.events);
  read_providers(root.section("providers"), refresh, context, config);
  root.refuse_unknown_keys();
}

constexpr std::string_view kFirstConfig =
    R"(# Keyfob's configuration. What is not written here has its default; an unknown key is an error.
# Durations: "90s" "5m" "2h" "7d". Sizes: "64KiB" "1MiB". Relative paths are relative to this file.

[server]
# Where your services call Keyfob. "unix:keyfob.sock" works too; anything beyond loopback demands tls.
listen = ["{listen}"]
# tls = {{ certificate = "server.pem", key = "server.key" }}

[node]
# What belongs to this process alone: node id, spool, admin socket. Two processes never share it. Keep it on a local disk.
state_dir = "{state_dir}"

[store]
# One machine: "sqlite:keyfob.db". Many: "postgresql://host1,host2/keyfob?target_session_attrs=read-write"
url = "{store}"

[keys]
# Opens everything in the store. Back it up apart from the store: without it no token can be read again.
master = "{master}"

[refresh]
min_validity = "60s"   # a token with less left is not handed out without trying to refresh it
ahead = "5m"           # from here on a token in use is refreshed in the background
mode = "on_demand"     # "always_fresh" refreshes all grants whether they are used or not
keep_alive = "7d"      # idle grants are refreshed this long before their refresh token ends

[cache]
max_staleness = "2s"   # for how long a node may not know that a grant was revoked elsewhere
)";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string toml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_control(c)) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

/// One line and nothing that steers a terminal, although keys and values of the file are quoted.
std::unexpected<Error> refusal(std::string what, std::string hint) {
  for (std::string* text : {&what, &hint}) std::ranges::replace_if(*text, is_control, ' ');
  return fail(ErrorCode::invalid_argument, std::move(what), std::move(hint));
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file, const std::filesystem::path& base_dir,
                            std::span<const BuiltInProvider> built_in) {
  const Result<TomlNode> tree = parse_toml(text, file);
  if (!tree) return refusal(tree.error().what, tree.error().hint);
  Config config;
  Problems problems;
  read_root(Section(tree->as<TomlTable>(), "", 1, problems), {base_dir, built_in, problems}, config);
  if (problems.empty()) return config;
  const Problem& first = *std::ranges::min_element(problems, {}, &Problem::line);
  return refusal(fmt::format("{}:{}: {}", file, first.line, first.what), first.hint);
}

Result<Config> load_config(const std::filesystem::path& path, std::span<const BuiltInProvider> built_in) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return fail(ErrorCode::not_found, fmt::format("there is no configuration at {}", path.string()),
                "`keyfob init` makes one; --config or KEYFOB_CONFIG names another");
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || std::filesystem::is_directory(path, error)) {
    return fail(ErrorCode::unavailable, fmt::format("cannot read {}", path.string()), "check the file and its mode");
  }
  return parse_config(text, path.string(), std::filesystem::absolute(path, error).parent_path(), built_in);
}

std::string write_default_config(const FirstConfig& choice) {
  return fmt::format(kFirstConfig, fmt::arg("listen", toml_escaped(choice.listen)),
                     fmt::arg("state_dir", toml_escaped(choice.state_dir)),
                     fmt::arg("store", toml_escaped(choice.store)),
                     fmt::arg("master", toml_escaped(choice.master_key)));
}

}  // namespace keyfob::config
