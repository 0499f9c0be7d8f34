#pragma once

#include <cstdint>

namespace keyfob::http {

/// Which event loop the threads of a server run.
enum class LoopKind : std::uint8_t {
  automatic,  ///< io_uring where the kernel lets this process have all of it that is needed (Linux 6.1), else epoll
  epoll,
  io_uring,
};

}  // namespace keyfob::http
