#pragma once
// run_program: one run of a user's program with what it reads and what it answers. Blocking.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/wiped_string.hpp"

namespace keyfob::keys {

struct ProgramRun {
  std::string path;
  std::string argument;
  WipedString input;
  Milliseconds limit = seconds(10);
};

struct ProgramAnswer {
  int exit_code = 0;
  WipedString output;
};

/// Its environment is PATH alone, its standard error is ours. unavailable: it cannot be started, ended by a signal,
/// wrote more than 64 KiB or took longer than `limit`; then it is killed with its whole process group.
[[nodiscard]] Result<ProgramAnswer> run_program(const ProgramRun& run);

/// not_found, invalid_argument: no executable file. unsafe: others than root and this user may write to it.
[[nodiscard]] Result<void> check_program(const std::string& path);

}  // namespace keyfob::keys
