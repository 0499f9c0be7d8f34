#include "apps/keyfob/gateway_service.hpp"

#include <utility>

#include "gateway/gateway.hpp"

namespace keyfob::node {

Result<http::ServiceFactory> gateway_service(Node& node, Metrics& metrics, http::Handler api) {
  gateway::GatewayPorts ports{node.gate(), node.engine(), node.engine().credentials(), node.clock(), &metrics};
  gateway::GatewayOptions options;
  for (const auto& [name, profile] : node.engine().directory().profiles()) options.profiles.push_back(*profile);
  options.is_api = api::Api::serves;
  options.api = std::move(api);
  return gateway::make_gateway(ports, std::move(options));
}

}  // namespace keyfob::node
