#include "apps/keyfob/provider_clients.hpp"

#include <utility>

#include "idp/http_provider_api.hpp"
#include "idp/http_token_endpoint.hpp"

namespace keyfob::node {
namespace {

class Clients final : public ProviderClients {
 public:
  Clients(http::Client client, const std::shared_ptr<const oauth::ProfileTable>& profiles, const Clock& clock)
      : client_(std::move(client)), endpoint_(profiles, client_, clock), api_(profiles, client_, clock) {}

  TokenEndpoint& endpoint() override { return endpoint_; }
  ProviderApi& api() override { return api_; }

 private:
  http::Client client_;
  idp::HttpTokenEndpoint endpoint_;
  idp::HttpProviderApi api_;
};

}  // namespace

Result<std::unique_ptr<ProviderClients>> ProviderClients::open(const config::UpstreamConfig& upstream,
                                                               const oauth::ProfileTable& profiles,
                                                               const Clock& clock) {
  http::ClientConfig config;
  config.ca_file = upstream.ca_file;
  config.proxy = upstream.proxy;
  auto client = http::Client::create(std::move(config), [&clock] { return clock.boot(); });
  if (!client) return fail(client.error());
  return std::make_unique<Clients>(std::move(*client), std::make_shared<const oauth::ProfileTable>(profiles), clock);
}

}  // namespace keyfob::node
