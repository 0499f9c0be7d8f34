#pragma once
// Services: what the handlers of the API work with.

#include <atomic>
#include <string>

#include "api/api.hpp"
#include "api/idempotency.hpp"
#include "engine/engine.hpp"
#include "ports/clock.hpp"
#include "ports/gatekeeper.hpp"

namespace keyfob::api {

/// Unique within the process, and almost surely beyond it. Any thread.
class RequestIds {
 public:
  std::string next(WallTime now);

 private:
  std::atomic<std::uint64_t> count_ = 0;
};

struct Services {
  engine::Engine& engine;
  Gatekeeper& gatekeeper;
  const Clock& clock;
  ApiOptions options;
  IdempotencyMemory idempotency{};  ///< engine executor only
  mutable RequestIds request_ids{};

  [[nodiscard]] std::shared_ptr<const engine::DirectorySnapshot> directory() const {
    return engine.directory().snapshot();
  }
};

}  // namespace keyfob::api
