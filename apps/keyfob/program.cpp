#include "apps/keyfob/program.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>

#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/context.hpp"
#include "apps/keyfob/errors.hpp"
#include "apps/keyfob/hardening.hpp"
#include "apps/keyfob/terminal.hpp"
#include "base/nearest.hpp"

namespace keyfob::cli {

CLI::App& add_command(CLI::App& parent, std::string name, std::string description, std::vector<Example> examples) {
  auto& command = *parent.add_subcommand(std::move(name), std::move(description));
  command.set_help_flag("-h,--help", "Show this help");
  std::string footer = "Examples:\n";
  for (const auto& [line, note] : examples) {
    footer += "  " + line + "\n";
    if (!note.empty()) footer += "      " + note + "\n";
  }
  if (!examples.empty()) command.footer(footer);
  return command;
}

namespace {

constexpr const char* kDescription =
    "keyfob keeps OAuth token pairs for vehicle APIs and never loses one.\n"
    "It stores them encrypted, refreshes and rotates them, and puts the right one into each API call.";

constexpr const char* kFooter =
    "First steps:\n"
    "  keyfob init --dir /etc/keyfob\n"
    "  keyfob --config /etc/keyfob/keyfob.toml serve\n"
    "  keyfob app add fleet --client-id ID --client-secret @secret.txt\n"
    "  keyfob caller add backend --app fleet --allow gateway,token:read\n"
    "\n"
    "Secrets are given as @FILE, env:NAME or - (stdin), never as values.\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not found, 4 refused.";

struct Program {
  CLI::App root{kDescription, "keyfob"};
  GlobalOptions options;
  Action chosen;
};

void build(Program& program) {
  auto& root = program.root;
  root.set_help_flag("-h,--help", "Show this help");
  root.add_option("--config", program.options.config,
                  "Configuration file (default: $KEYFOB_CONFIG, ./keyfob.toml, "
                  "/etc/keyfob/keyfob.toml)")
      ->take_last()
      ->type_name("FILE");
  root.add_flag("--json", program.options.json, "Print the answer as JSON, for programs");
  root.add_flag("-v,--verbose", program.options.verbose, "Say more while working");
  root.fallthrough();
  root.footer(kFooter);
  add_node_commands(root, program.chosen);
  add_app_commands(root, program.chosen);
  add_caller_commands(root, program.chosen);
  add_grant_commands(root, program.chosen);
  add_keys_commands(root, program.chosen);
  add_audit_commands(root, program.chosen);
  add_provider_commands(root, program.chosen);
  add_status_command(root, program.chosen);
  add_help_commands(root, program.chosen);
  add_backup_command(root, program.chosen);
  add_doctor_command(root, program.chosen);
}

std::vector<std::string> names_below(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::string command_path(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : command_path(*app.get_parent()) + " " + app.get_name();
}

const CLI::App& deepest(const CLI::App& app) {
  const auto below = app.get_subcommands();
  return below.empty() ? app : deepest(*below.back());
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent())
    for (const auto* option : at->get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

Error usage(std::string what, std::string hint) {
  return {ErrorCode::invalid_argument, std::move(what), std::move(hint), {}};
}

std::string did_you_mean(const std::string& typed, const std::vector<std::string>& known, const CLI::App& at) {
  const std::string guess = nearest(typed, known);
  const std::string help = fmt::format("`{} --help` lists what there is", command_path(at));
  return guess.empty() ? help : fmt::format("did you mean `{}`? {}", guess, help);
}

/// What to say about arguments that nothing took. Values are never repeated: one of them may be a secret.
Error unexpected_argument(const CLI::App& root) {
  const CLI::App& at = deepest(root);
  const auto rest = root.remaining(true);
  const bool group = !names_below(at).empty();
  for (const auto& argument : rest) {
    const auto name = argument.substr(0, argument.find('='));
    if (name.starts_with("-"))
      return usage(fmt::format("`{}` has no option {}", command_path(at), name),
                   did_you_mean(name, option_names(at), at));
    if (group)
      return usage(fmt::format("`{}` has no command `{}`", command_path(at), argument),
                   did_you_mean(argument, names_below(at), at));
  }
  return usage(fmt::format("`{}` was given too many arguments", command_path(at)),
               fmt::format("`{} --help` shows how it is used", command_path(at)));
}

bool has_unknown_option(const CLI::App& root) {
  const auto rest = root.remaining(true);
  return std::ranges::any_of(rest, [](const std::string& argument) { return argument.starts_with("--"); });
}

int report(const Error& error) {
  print_error(describe(error));
  return static_cast<int>(exit_code_for(error.code));
}

/// Empty: go on with the chosen action.
std::optional<int> parse(Program& program, int argc, char** argv) {
  auto& root = program.root;
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return print(root.help()) ? 0 : 1;
  } catch (const CLI::ExtrasError&) {
    return report(unexpected_argument(root));
  } catch (const CLI::ParseError& error) {
    // A mistyped option explains a missing one better than the missing one does.
    if (has_unknown_option(root)) return report(unexpected_argument(root));
    const CLI::App& at = deepest(root);
    std::string what = error.what();
    return report(usage(std::move(what), fmt::format("`{} --help` shows how it is used", command_path(at))));
  }
  if (program.chosen) return std::nullopt;
  const CLI::App& at = deepest(root);
  print_error(fmt::format("{}\n", at.help()));
  return report(usage(fmt::format("`{}` needs a command", command_path(at)),
                      fmt::format("`{} --help` lists what there is", command_path(at))));
}

/// `man app add` names a page: CLI11 would take "app" for the command to run, so it becomes `man keyfob-app-add`.
std::vector<std::string> with_page_name(int argc, char** argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (words.size() < 3 || words[1] != "man" || words[2].starts_with("-")) return words;
  std::string page = words[2].starts_with("keyfob") ? "" : "keyfob";
  for (std::size_t i = 2; i < words.size(); ++i) page += (page.empty() ? "" : "-") + words[i];
  return {words[0], words[1], page};
}

int run_program(int argc, char** argv) {
  node::harden_process();
  Program program;
  build(program);
  auto words = with_page_name(argc, argv);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  if (const auto finished = parse(program, static_cast<int>(pointers.size()), pointers.data())) return *finished;
  Context context(program.options);
  auto done = program.chosen(context);
  return done ? static_cast<int>(ExitCode::done) : report(done.error());
}

}  // namespace

int run(int argc, char** argv) {
  try {
    return run_program(argc, argv);
  } catch (const std::exception& bug) {
    // What it says may quote anything.
    return report({ErrorCode::internal, fmt::format("an unexpected failure inside ({})", typeid(bug).name()), {}, {}});
  }
}

}  // namespace keyfob::cli
