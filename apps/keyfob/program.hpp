#pragma once
// The program `keyfob`: command line in, exit code out. 0 done, 1 failed, 2 wrong usage or configuration, 3 not found,
// 4 refused (permission, unsafe file mode). Results go to stdout, errors to stderr: one line what, one line what to do.

namespace keyfob::cli {

/// Runs one command to its end. Never throws.
int run(int argc, char** argv);

}  // namespace keyfob::cli
