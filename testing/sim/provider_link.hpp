#pragma once
// ProviderLink: one node's way to the provider: the token endpoint and the API of the real world, with everything that
// goes wrong on that way.

#include "ports/token_endpoint.hpp"
#include "testing/sim/reply.hpp"
#include "testing/sim/stage.hpp"

namespace keyfob::simulated {

class ProviderLink final : public TokenEndpoint, public ProviderApi {
 public:
  /// `ready` is set when an answer has come.
  ProviderLink(Stage& stage, int node, Clock& clock, bool& ready)
      : stage_(stage), node_(node), clock_(clock), ready_(ready) {}

  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override;
  Task<Result<Identity>> identity(std::string provider, AccessToken token) override;
  Task<Result<void>> revoke(Revocation request) override;

 private:
  using Answer = Reply<TokenAnswer>;
  void arrive(const std::string& token, const std::shared_ptr<Answer>& reply);
  [[nodiscard]] TokenAnswer answer_to(const std::string& token);
  std::optional<ProviderModel::Pair> give(const std::string& sent);
  [[nodiscard]] bool is(Trouble trouble) const { return stage_.weather.is(trouble, node_); }

  Stage& stage_;
  int node_;
  Clock& clock_;
  bool& ready_;
};

}  // namespace keyfob::simulated
