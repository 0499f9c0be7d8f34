#pragma once
// The command groups. Each adds its commands to the tree; the one that the user chose puts its action into `chosen`.

#include <string>
#include <vector>

#include "apps/keyfob/context.hpp"

namespace CLI {
class App;
}

namespace keyfob::cli {

/// One line of "Examples:" in a command's help.
struct Example {
  std::string command;
  std::string note;
};

/// A command with its help. It lives as long as `parent`.
CLI::App& add_command(CLI::App& parent, std::string name, std::string description, std::vector<Example> examples);

void add_node_commands(CLI::App& root, Action& chosen);      // init, serve, version
void add_app_commands(CLI::App& root, Action& chosen);       // app ...
void add_caller_commands(CLI::App& root, Action& chosen);    // caller ...
void add_grant_commands(CLI::App& root, Action& chosen);     // grant ..., connect
void add_keys_commands(CLI::App& root, Action& chosen);      // keys ...
void add_import_command(CLI::App& grants, Action& chosen);   // grant import
void add_audit_commands(CLI::App& root, Action& chosen);     // audit ...
void add_provider_commands(CLI::App& root, Action& chosen);  // provider ...
void add_backup_command(CLI::App& root, Action& chosen);     // backup
void add_help_commands(CLI::App& root, Action& chosen);      // completion, man
void add_status_command(CLI::App& root, Action& chosen);     // status
void add_doctor_command(CLI::App& root, Action& chosen);     // doctor

}  // namespace keyfob::cli
