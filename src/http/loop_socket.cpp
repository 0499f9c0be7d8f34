#include "http/loop_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace keyfob::http {

LoopSocket::~LoopSocket() { ::close(fd_); }

void LoopSocket::decide_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  const bool failed = getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0;
  phase_ = failed ? Phase::unreachable : Phase::connected;
}

bool LoopSocket::probe_quiet() const {
  if (hung_up_ || peer_finished_) return false;
  char byte = 0;
  const ssize_t got = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && errno == EAGAIN;
}

}  // namespace keyfob::http
