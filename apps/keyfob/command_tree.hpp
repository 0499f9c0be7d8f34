#pragma once
// The tree of commands as texts: what completion scripts and manual pages are made from, so that they cannot differ
// from what the program takes.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace keyfob::cli {

struct TreeOption {
  std::vector<std::string> names;  ///< "--app", "-v"; empty: a positional
  std::string label;               ///< of the value, or of the positional: "FILE"; empty: a flag
  std::string description;
  bool required = false;
};

struct TreeCommand {
  std::vector<std::string> path;  ///< {"keyfob", "app", "add"}
  std::string description;
  std::string footer;
  std::vector<TreeOption> options;
  std::vector<std::string> children;  ///< names, in order

  [[nodiscard]] std::string spaced() const;  ///< "keyfob app add"
  [[nodiscard]] std::string dashed() const;  ///< "keyfob-app-add"
};

/// The command and everything below it, parents first.
[[nodiscard]] std::vector<TreeCommand> tree_of(const CLI::App& root);

/// The options that every command takes beside its own.
[[nodiscard]] std::vector<TreeOption> global_options(const std::vector<TreeCommand>& tree);

[[nodiscard]] std::string bash_completion(const std::vector<TreeCommand>& tree);
[[nodiscard]] std::string zsh_completion(const std::vector<TreeCommand>& tree);
[[nodiscard]] std::string fish_completion(const std::vector<TreeCommand>& tree);

/// One page in man(7) macros.
[[nodiscard]] std::string manual_page(const std::vector<TreeCommand>& tree, const TreeCommand& command);

}  // namespace keyfob::cli
