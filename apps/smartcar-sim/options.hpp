#pragma once
// The command line of smartcar-sim.

#include <string>
#include <variant>

#include "web/sim.hpp"

namespace keyfob::sim {

struct CommandLine {
  std::string listen = "127.0.0.1:7421";
  SimOptions sim{};
};

/// The options, or the exit code with which the program ends now (--help, wrong usage; the text has been printed).
[[nodiscard]] std::variant<CommandLine, int> read_command_line(int argc, const char* const* argv);

}  // namespace keyfob::sim
