#pragma once
// gateway_service: what the main listener serves: the gateway's routes, and the API on its own paths.

#include "apps/keyfob/node.hpp"
#include "config/config.hpp"
#include "http/server.hpp"
#include "ports/event_sink.hpp"

namespace keyfob::node {

/// `node` and `metrics` must outlive the services that the factory makes.
[[nodiscard]] Result<http::ServiceFactory> gateway_service(const config::Config& config, Node& node, Metrics& metrics,
                                                           http::Handler api);

}  // namespace keyfob::node
