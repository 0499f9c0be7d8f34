#include "apps/keyfob/command_tree.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace keyfob::cli {
namespace {

TreeOption option_of(const CLI::Option& option) {
  TreeOption out;
  for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
  for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
  if (out.names.empty()) out.label = option.get_name();
  if (!out.names.empty() && option.get_items_expected_max() > 0) out.label = option.get_type_name();
  out.description = option.get_description();
  out.required = option.get_required();
  return out;
}

void add(const CLI::App& app, std::vector<std::string> path, std::vector<TreeCommand>& out) {
  path.push_back(app.get_name());
  TreeCommand command{path, app.get_description(), app.get_footer(), {}, {}};
  for (const auto* option : app.get_options()) command.options.push_back(option_of(*option));
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* child : below) command.children.push_back(child->get_name());
  out.push_back(std::move(command));
  for (const auto* child : below) add(*child, path, out);
}

}  // namespace

std::string TreeCommand::spaced() const { return fmt::format("{}", fmt::join(path, " ")); }
std::string TreeCommand::dashed() const { return fmt::format("{}", fmt::join(path, "-")); }

std::vector<TreeCommand> tree_of(const CLI::App& root) {
  std::vector<TreeCommand> out;
  add(root, {}, out);
  return out;
}

std::vector<TreeOption> global_options(const std::vector<TreeCommand>& tree) {
  std::vector<TreeOption> out;
  for (const auto& option : tree.front().options)
    if (!option.names.empty() && option.names.front() != "--help") out.push_back(option);
  return out;
}

}  // namespace keyfob::cli
