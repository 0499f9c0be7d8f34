#pragma once
// The commands of `keyfob grant` that move grants in and out, beside `import`.

#include "apps/keyfob/commands.hpp"

namespace keyfob::cli {

void add_export_command(CLI::App& grants, Action& chosen);      // grant export
void add_reconcile_commands(CLI::App& grants, Action& chosen);  // grant reconcile, migrate-v3

}  // namespace keyfob::cli
