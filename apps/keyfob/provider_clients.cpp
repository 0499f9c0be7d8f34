#include "apps/keyfob/provider_clients.hpp"

#include <utility>

#include "base/url.hpp"
#include "idp/http_connection_list.hpp"
#include "idp/http_provider_api.hpp"
#include "idp/http_token_endpoint.hpp"

namespace keyfob::node {
namespace {

/// Redirects are answers like others: a signed event goes where it was sent and nowhere else.
class ClientPost final : public HttpPost {
 public:
  ClientPost(const http::Client& client, const Clock& clock) : client_(client), clock_(clock) {}

  Task<Result<int>> post(PostRequest request, Milliseconds limit) override {
    const auto url = split_url(request.url);
    if (!url) co_return fail(ErrorCode::invalid_argument, "this is not a URL that can be posted to");
    http::ClientRequest out{.method = "POST", .origin = std::string(url->origin)};
    out.target = wiped_string(url->target.empty() ? "/" : url->target);
    out.body = wiped_string(request.body);
    for (const auto& [name, value] : request.headers) out.headers.emplace_back(name, wiped_string(value));
    const BootTime until = clock_.boot() + limit;
    const http::ClientOutcome outcome =
        co_await client_.exchange(std::move(out), {.send_before = until, .give_up_at = until});
    if (!outcome) co_return fail(outcome.error().code, outcome.error().what);
    co_return outcome->status;
  }

 private:
  const http::Client& client_;
  const Clock& clock_;
};

class Clients final : public ProviderClients {
 public:
  Clients(http::Client client, const std::shared_ptr<const oauth::ProfileTable>& profiles, const Clock& clock)
      : client_(std::move(client)),
        endpoint_(profiles, client_, clock),
        api_(profiles, client_, clock),
        connections_(profiles, client_, clock),
        post_(client_, clock) {}

  TokenEndpoint& endpoint() override { return endpoint_; }
  ProviderApi& api() override { return api_; }
  ConnectionList& connections() override { return connections_; }
  HttpPost& post() override { return post_; }

 private:
  http::Client client_;
  idp::HttpTokenEndpoint endpoint_;
  idp::HttpProviderApi api_;
  idp::HttpConnectionList connections_;
  ClientPost post_;
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
