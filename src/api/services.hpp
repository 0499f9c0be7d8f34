#pragma once
// Services: what the handlers of the API work with.

#include "api/api.hpp"
#include "api/idempotency.hpp"
#include "engine/engine.hpp"
#include "http/request_id.hpp"
#include "ports/clock.hpp"
#include "ports/gatekeeper.hpp"

namespace keyfob::api {

struct Services {
  engine::Engine& engine;
  Gatekeeper& gatekeeper;
  const Clock& clock;
  ApiOptions options;
  IdempotencyMemory idempotency{};  ///< engine executor only
  mutable http::RequestIds request_ids{};

  [[nodiscard]] std::shared_ptr<const engine::DirectorySnapshot> directory() const {
    return engine.directory().snapshot();
  }
};

}  // namespace keyfob::api
