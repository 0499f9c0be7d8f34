#include "apps/keyfob/listeners.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "api/api.hpp"
#include "apps/keyfob/console_census.hpp"
#include "apps/keyfob/gateway_service.hpp"
#include "apps/keyfob/inherited.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "console/console.hpp"
#include "gateway/request_figures.hpp"
#include "http/problem.hpp"
#include "http/server.hpp"

namespace keyfob::node {
namespace {

constexpr std::size_t kLargestOutside = 256UL << 10U;  // a webhook

std::size_t thread_count(const config::ServerConfig& server) {
  if (server.threads != 0) return server.threads;
  return std::max(1U, std::thread::hardware_concurrency());
}

/// The listener takes numeric addresses.
std::string endpoint_text(const config::ListenAddress& address) {
  if (address.is_unix()) return "unix:" + address.unix_path;
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(address.port);
}

std::vector<std::string> endpoint_texts(const std::vector<config::ListenAddress>& addresses) {
  std::vector<std::string> out;
  for (const auto& address : addresses) out.push_back(endpoint_text(address));
  return out;
}

http::LoopKind loop_kind(config::EventLoop wanted) {
  switch (wanted) {
    case config::EventLoop::epoll: return http::LoopKind::epoll;
    case config::EventLoop::io_uring: return http::LoopKind::io_uring;
    case config::EventLoop::automatic: break;
  }
  return http::LoopKind::automatic;
}

/// What all listeners of a daemon have in common.
http::ServerConfig common_config(const config::Config& config) {
  const auto& server = config.server;
  http::ServerConfig out;
  if (server.tls) out.tls = http::TlsFiles{server.tls->certificate, server.tls->key, server.tls->client_ca};
  out.event_loop = loop_kind(server.event_loop);
  out.limits.head_bytes = server.max_header;
  out.limits.body_bytes = std::max<std::size_t>(api::kLargestImport, server.max_body);
  out.limits.replay_bytes = server.max_body;
  out.limits.connections = server.max_connections;
  out.limits.head = server.header_timeout;
  out.limits.body = server.body_timeout;
  out.limits.idle = server.idle_timeout;
  out.upstream.connect = config.upstream.connect_timeout;
  out.upstream.response = config.upstream.timeout;
  out.limits.handler = config.upstream.timeout + seconds(20);
  out.ca_file = config.upstream.ca_file;
  out.private_prefixes = {"keyfob-"};
  return out;
}

bool is_public(std::string_view path) { return path == "/connect/callback" || path.starts_with("/webhooks/"); }

http::Handler api_handler(Node& node) {
  return [&node](http::Request request) { return node.api().handle(std::move(request)); };
}

/// API and console, for the private listener.
http::Handler private_handler(Node& node, std::shared_ptr<console::Console> console) {
  return [&node, console = std::move(console)](http::Request request) {
    const bool pages = console != nullptr && console::Console::serves(request.path());
    return pages ? console->handle(std::move(request)) : node.api().handle(std::move(request));
  };
}

std::shared_ptr<console::Console> make_console(const config::Config& config, Node& node) {
  if (!config.console.enabled) return nullptr;
  console::ConsoleOptions options;
  options.sessions.idle = config.console.idle;
  options.sessions.lifetime = config.console.lifetime;
  options.audit = node.audit();
  auto census = std::make_shared<ConsoleCensus>(config.store, node.clock());
  options.census = [census] { return census->json(); };
  options.listener_has_tls = config.server.tls.has_value();
  auto made = std::make_shared<console::Console>(node.api(), node.gate(), node.clock(), options);
  auto samples = made->take_samples(std::make_unique<SystemClock>());
  asio::co_spawn(node.background(), std::move(samples), [](const std::exception_ptr&) {});
  return made;
}

http::Handler counted(Node& node, Metrics& metrics, const http::Handler& handler) {
  return [&node, &metrics, handler](http::Request request) -> Task<http::Response> {
    const BootTime began = node.clock().boot();
    http::Response response = co_await handler(std::move(request));
    const http::Outcome outcome{.status = response.status, .duration = node.clock().boot() - began};
    gateway::count_request(metrics, gateway::RequestClass::outside, outcome);
    co_return response;
  };
}

/// The rest of the API does not exist on the public side.
http::Handler public_handler(Node& node) {
  return [&node](http::Request request) -> Task<http::Response> {
    if (!is_public(request.path())) {
      http::Problem problem;
      problem.status = 404;
      problem.code = "no_route";
      problem.detail = "nothing is served here";
      co_return http::problem_response(problem, "Keyfob-Error");
    }
    http::Response response = co_await node.api().handle(std::move(request));
    co_return response;
  };
}

class BoundListeners final : public Listeners {
 public:
  Result<void> open(const config::Config& config, Node& node, Metrics& metrics);
  std::vector<std::string> urls() const override;
  bool drain(Milliseconds grace) override;
  http::ServerStats stats() const override;
  std::string_view event_loop() const override { return servers_.front()->event_loop(); }

 private:
  Result<void> add(http::ServerConfig config, const http::ServiceFactory& factory, Node& node);

  bool tls_ = false;
  std::vector<std::unique_ptr<http::Server>> servers_;  // the main one first
};

Result<void> BoundListeners::add(http::ServerConfig config, const http::ServiceFactory& factory, Node& node) {
  auto server = http::Server::start(std::move(config), factory, node.background());
  if (!server) return fail(server.error());
  servers_.push_back(std::move(*server));
  return {};
}

Result<void> BoundListeners::open(const config::Config& config, Node& node, Metrics& metrics) {
  tls_ = config.server.tls.has_value();
  auto main = common_config(config);
  const InheritedSockets inherited = take_inherited_sockets();
  main.listen = inherited.main.empty() ? endpoint_texts(config.server.listen) : inherited.main;
  main.threads = thread_count(config.server);
  auto service = gateway_service(config, node, metrics, private_handler(node, make_console(config, node)));
  if (!service) return fail(service.error());
  if (auto added = add(std::move(main), *service, node); !added) return added;
  auto admin = common_config(config);
  admin.tls.reset();
  admin.listen = {"unix:" + node.state().paths().admin_socket().string()};
  if (auto added = add(std::move(admin), http::serve_handler(api_handler(node)), node); !added) return added;
  // The umask made it private; without the x bits it also looks it.
  (void)::chmod(node.state().paths().admin_socket().c_str(), 0600);
  if (config.server.public_listen.empty() && inherited.outside.empty()) return {};
  auto outside = common_config(config);
  if (outside.tls) outside.tls->client_ca.clear();  // browsers and the provider's webhooks have no certificate of ours
  outside.listen = inherited.outside.empty() ? endpoint_texts(config.server.public_listen) : inherited.outside;
  outside.limits.body_bytes = kLargestOutside;
  return add(std::move(outside), http::serve_handler(counted(node, metrics, public_handler(node))), node);
}

std::vector<std::string> BoundListeners::urls() const {
  std::vector<std::string> out;
  for (const auto& endpoint : servers_.front()->endpoints()) {
    const bool is_unix = endpoint.starts_with("unix:");
    out.push_back(is_unix ? endpoint : (tls_ ? "https://" : "http://") + endpoint);
  }
  return out;
}

http::ServerStats BoundListeners::stats() const {
  http::ServerStats sum;
  for (const auto& server : servers_) {
    const http::ServerStats one = server->stats();
    sum.connections += one.connections;
    sum.accepted += one.accepted;
    sum.requests += one.requests;
    sum.upstream_connections += one.upstream_connections;
  }
  return sum;
}

bool BoundListeners::drain(Milliseconds grace) {
  bool clean = true;
  for (const auto& server : servers_) clean = server->drain(grace) && clean;
  return clean;
}

}  // namespace

Result<std::unique_ptr<Listeners>> Listeners::open(const config::Config& config, Node& node, Metrics& metrics) {
  auto listeners = std::make_unique<BoundListeners>();
  if (auto opened = listeners->open(config, node, metrics); !opened) return fail(opened.error());
  return listeners;
}

}  // namespace keyfob::node
