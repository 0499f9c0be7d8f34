#pragma once
// ApiTransport: the way of a command to the HTTP API: over the daemon's admin socket, or straight into the same API
// object inside this process. A command cannot tell the two apart.

#include <memory>

#include "base/result.hpp"
#include "http/message.hpp"

namespace keyfob::cli {

class ApiTransport {
 public:
  virtual ~ApiTransport() = default;
  /// One request, one answer, blocking. Any status is an answer; an error means that there was none.
  [[nodiscard]] virtual Result<http::Response> send(http::Request request) = 0;
};

}  // namespace keyfob::cli
