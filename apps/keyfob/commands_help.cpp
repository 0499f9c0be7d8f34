#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "apps/keyfob/command_tree.hpp"
#include "apps/keyfob/commands.hpp"
#include "apps/keyfob/durable_file.hpp"
#include "base/nearest.hpp"

namespace keyfob::cli {
namespace {

struct ManOptions {
  std::string page;
  std::string dir;
};

Result<void> completion(Context& context, const CLI::App& root, const std::string& shell) {
  const auto tree = tree_of(root);
  if (shell == "bash") return context.show_text(bash_completion(tree));
  if (shell == "zsh") return context.show_text(zsh_completion(tree));
  return context.show_text(fish_completion(tree));
}

Result<void> write_pages(const std::vector<TreeCommand>& tree, const std::filesystem::path& dir) {
  for (const auto& command : tree) {
    auto written = node::create_file(dir / (command.dashed() + ".1"), manual_page(tree, command), 0644);
    if (!written) return written;
  }
  return {};
}

Result<void> man(Context& context, const CLI::App& root, const ManOptions& o) {
  const auto tree = tree_of(root);
  if (!o.dir.empty()) return write_pages(tree, o.dir);
  const std::string wanted = o.page.empty() ? "keyfob" : o.page;
  std::vector<std::string> known;
  for (const auto& command : tree) {
    if (command.dashed() == wanted) return context.show_text(manual_page(tree, command));
    known.push_back(command.dashed());
  }
  const std::string guess = nearest(wanted, known);
  return fail(ErrorCode::invalid_argument, fmt::format("there is no page {}", wanted),
              guess.empty() ? "`keyfob --help` lists what there is" : fmt::format("did you mean `{}`?", guess));
}

}  // namespace

void add_help_commands(CLI::App& root, Action& chosen) {
  auto shell = std::make_shared<std::string>();
  auto& completions = add_command(root, "completion", "Print a completion script for a shell",
                                  {{"keyfob completion bash > /etc/bash_completion.d/keyfob", ""},
                                   {"keyfob completion zsh > ~/.zfunc/_keyfob", ""},
                                   {"keyfob completion fish > ~/.config/fish/completions/keyfob.fish", ""}});
  completions.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completions.callback(
      [shell, &root, &chosen] { chosen = [shell, &root](Context& c) { return completion(c, root, *shell); }; });
  auto o = std::make_shared<ManOptions>();
  auto& pages =
      add_command(root, "man", "Print the manual page of a command",
                  {{"keyfob man app add | man -l -", ""}, {"keyfob man --dir /usr/local/share/man/man1", ""}});
  pages.add_option("COMMAND", o->page, "Which command (app add); none: keyfob itself");
  pages.add_option("--dir", o->dir, "Write the pages of all commands into this directory instead")->type_name("DIR");
  pages.callback([o, &root, &chosen] { chosen = [o, &root](Context& c) { return man(c, root, *o); }; });
}

}  // namespace keyfob::cli
