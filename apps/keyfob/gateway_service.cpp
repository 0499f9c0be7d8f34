#include "apps/keyfob/gateway_service.hpp"

#include <utility>

#include "api/direct_token.hpp"
#include "console/console.hpp"
#include "gateway/gateway.hpp"

namespace keyfob::node {
namespace {

class DirectTokens final : public gateway::DirectAnswers {
 public:
  explicit DirectTokens(std::unique_ptr<api::DirectToken> token) : token_(std::move(token)) {}
  bool wants(const http::RequestHead& request) const override { return api::DirectToken::wants(request); }
  bool answer(http::Exchange& exchange, std::expected<const Admission*, AccessProblem> caller) override {
    return token_->answer(exchange, caller);
  }

 private:
  std::unique_ptr<api::DirectToken> token_;
};

}  // namespace

Result<http::ServiceFactory> gateway_service(const config::Config& config, Node& node, Metrics& metrics,
                                             http::Handler api) {
  gateway::GatewayPorts ports{node.gate(), node.engine(), node.engine().credentials(), node.clock(), &metrics};
  ports.attention = &node.engine().attention();
  ports.audit = node.audit();
  ports.requests = node.requests();
  gateway::GatewayOptions options;
  for (const auto& [name, profile] : node.engine().directory().profiles()) options.profiles.push_back(*profile);
  const bool console = config.console.enabled;
  options.is_api = [console](std::string_view path) {
    return api::Api::serves(path) || (console && console::Console::serves(path));
  };
  options.api = std::move(api);
  options.remember_retry_after = config.upstream.remember_retry_after;
  options.direct = [&node] { return std::make_unique<DirectTokens>(node.api().direct_token()); };
  return gateway::make_gateway(ports, std::move(options));
}

}  // namespace keyfob::node
