// Manual pages in man(7) macros.
#include <fmt/format.h>

#include "apps/keyfob/command_tree.hpp"

namespace keyfob::cli {
namespace {

constexpr const char* kCommon =
    ".SH EXIT STATUS\n"
    "0 done, 1 failed, 2 wrong usage or configuration, 3 not found, 4 refused (permission, unsafe file mode).\n"
    ".SH FILES\n"
    ".TP\n.I ./keyfob.toml\n.TQ\n.I /etc/keyfob/keyfob.toml\n"
    "The configuration, unless \\-\\-config or KEYFOB_CONFIG names another.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B KEYFOB_CONFIG\nThe configuration file.\n"
    ".TP\n.B NO_COLOR\nNo colours when it is set and not empty.\n";

/// Text as roff: no line begins a macro, backslashes and hyphens are themselves.
std::string roff(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    begins = c == '\n';
  }
  return out;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string synopsis(const TreeCommand& command) {
  std::string out = fmt::format(".B {}\n", roff(command.spaced()));
  for (const auto& option : command.options)
    if (option.names.empty())
      out += (option.required ? "\\fI" : "[\\fI") + roff(option.label) + (option.required ? "\\fR\n" : "\\fR]\n");
  if (command.options.size() > 1) out += "[\\fIOPTIONS\\fR]\n";
  if (!command.children.empty()) out += ".I COMMAND\n";
  return out;
}

std::string option_entry(const TreeOption& option) {
  std::string names;
  for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + roff(name);
  if (names.empty()) return fmt::format(".TP\n.I {}\n{}\n", roff(option.label), roff(option.description));
  const std::string value = option.label.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(option.label));
  return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", names, value, roff(option.description));
}

std::string commands_section(const std::vector<TreeCommand>& tree, const TreeCommand& command) {
  if (command.children.empty()) return {};
  std::string out = ".SH COMMANDS\n";
  for (const auto& child : tree) {
    const bool below =
        child.path.size() == command.path.size() + 1 && child.spaced().starts_with(command.spaced() + " ");
    if (below) out += fmt::format(".TP\n.BR {} (1)\n{}\n", roff(child.dashed()), roff(first_line(child.description)));
  }
  return out;
}

std::string footer_section(const std::string& footer) {
  if (footer.empty()) return {};
  const bool examples = footer.starts_with("Examples:\n");
  const std::string body = examples ? footer.substr(footer.find('\n') + 1) : footer;
  return fmt::format(".SH {}\n.nf\n{}\n.fi\n", examples ? "EXAMPLES" : "NOTES", roff(body));
}

}  // namespace

std::string manual_page(const std::vector<TreeCommand>& tree, const TreeCommand& command) {
  std::string out = fmt::format(".TH {} 1 \"\" \"Keyfob {}\" \"Keyfob\"\n", roff(command.dashed()), KEYFOB_VERSION);
  out += fmt::format(".SH NAME\n{} \\- {}\n", roff(command.dashed()), roff(first_line(command.description)));
  out += ".SH SYNOPSIS\n" + synopsis(command);
  out += fmt::format(".SH DESCRIPTION\n{}\n", roff(command.description));
  out += commands_section(tree, command) + ".SH OPTIONS\n";
  for (const auto& option : command.options) out += option_entry(option);
  if (command.path.size() > 1)
    for (const auto& option : global_options(tree)) out += option_entry(option);
  out += footer_section(command.footer) + kCommon;
  if (command.path.size() > 1) out += ".SH SEE ALSO\n.BR keyfob (1)\n";
  return out;
}

}  // namespace keyfob::cli
