#pragma once
// ProviderClients: the engine's ways out, over HTTP: token endpoint and API of the providers, and what posts events.

#include <memory>

#include "base/result.hpp"
#include "config/config.hpp"
#include "oauth/profiles.hpp"
#include "ports/clock.hpp"
#include "ports/connection_list.hpp"
#include "ports/outbox.hpp"
#include "ports/token_endpoint.hpp"

namespace keyfob::node {

/// To be used on one single-threaded executor, the engine's, and destroyed before its context is.
class ProviderClients {
 public:
  /// `clock` must outlive it. invalid_argument: an unusable [upstream] setting.
  [[nodiscard]] static Result<std::unique_ptr<ProviderClients>> open(const config::UpstreamConfig& upstream,
                                                                     const oauth::ProfileTable& profiles,
                                                                     const Clock& clock);
  virtual ~ProviderClients() = default;
  [[nodiscard]] virtual TokenEndpoint& endpoint() = 0;
  [[nodiscard]] virtual ProviderApi& api() = 0;
  [[nodiscard]] virtual HttpPost& post() = 0;
  [[nodiscard]] virtual ConnectionList& connections() = 0;
};

}  // namespace keyfob::node
