#pragma once
// Sockets that whoever started this process listens on already (sd_listen_fds(3)): connections wait in their queues
// while one process ends and the next begins.

#include <string>
#include <vector>

namespace keyfob::node {

/// As http::ServerConfig::listen wants them: "fd:3".
struct InheritedSockets {
  std::vector<std::string> main{};
  std::vector<std::string> outside{};  ///< those whose name is "public" (FileDescriptorName=)
};

/// Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and takes them out of the environment.
[[nodiscard]] InheritedSockets take_inherited_sockets();

}  // namespace keyfob::node
