#pragma once
// serve: the daemon: one node with its listeners, from the first signal mask to the last drained connection.

#include <filesystem>

#include "base/result.hpp"
#include "config/config.hpp"

namespace keyfob::node {

struct ServeRequest {
  config::Config config;
  std::filesystem::path config_file;  ///< read again on SIGHUP
  bool verbose = false;
};

/// Runs until SIGTERM or SIGINT, which drain (a second one ends at once). Says "keyfob listening on URL" on stderr when
/// requests are accepted. SIGHUP checks the configuration file, of which log.level takes effect at once and the
/// rest at a restart, and reads applications and callers again.
[[nodiscard]] Result<void> serve(ServeRequest request);

}  // namespace keyfob::node
