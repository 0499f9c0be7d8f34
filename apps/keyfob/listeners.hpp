#pragma once
// Listeners: what a daemon listens on: gateway and API, the public side (callback and webhooks only), the admin socket.

#include <memory>
#include <string>
#include <vector>

#include "apps/keyfob/node.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "http/server.hpp"
#include "ports/event_sink.hpp"

namespace keyfob::node {

class Listeners {
 public:
  /// Binds and serves. `node` must have started and outlive it.
  [[nodiscard]] static Result<std::unique_ptr<Listeners>> open(const config::Config& config, Node& node,
                                                               Metrics& metrics);
  virtual ~Listeners() = default;

  /// Of the main listener, with real ports: "http://127.0.0.1:7420", "unix:/run/keyfob.sock".
  [[nodiscard]] virtual std::vector<std::string> urls() const = 0;
  /// Of all listeners together. Any thread.
  [[nodiscard]] virtual http::ServerStats stats() const = 0;
  /// What it waits with: "epoll", "io_uring".
  [[nodiscard]] virtual std::string_view event_loop() const = 0;
  /// Stops listening and lets requests under way finish. True: nothing had to be cut.
  virtual bool drain(Milliseconds grace) = 0;
};

}  // namespace keyfob::node
