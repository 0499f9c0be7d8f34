#include "api/handlers.hpp"
#include "api/openapi.hpp"
#include "api/render.hpp"

namespace keyfob::api {
namespace {

bool is_ready(const Services& services) {
  const auto& options = services.options;
  return (!options.ready || options.ready()) && (!options.draining || !options.draining());
}

http::Response text_response(int status, std::string_view type, std::string text) {
  http::Response response = empty_response(status);
  response.headers.push_back({"Content-Type", std::string(type)});
  response.body = std::move(text);
  return response;
}

std::vector<Outgoing> outgoing(const engine::DirectorySnapshot& directory, const std::vector<OutboxDepth>& depths) {
  std::vector<Outgoing> out;
  for (const OutboxDepth& depth : depths) {
    const bool events = depth.destination == kEventsDestination;
    std::string to = events ? depth.destination : "webhooks of " + app_name(directory, AppId(depth.destination));
    out.push_back({std::move(to), depth.rows, depth.attempts, depth.oldest});
  }
  return out;
}

}  // namespace

Task<Outcome> get_status(Services& services, Call) {
  const auto directory = services.directory();
  NodeReport report{.version = services.options.version,
                    .ready = is_ready(services),
                    .applications = directory->applications.size(),
                    .callers = directory->callers.size(),
                    .engine = services.engine.status()};
  if (const auto outbox = co_await services.engine.outbox()) report.outbox = outgoing(*directory, *outbox);
  for (const AppId& app : report.engine.suspended) report.suspended.push_back(app_name(*directory, app));
  co_return json_response(200, status_json(report));
}

Task<Outcome> get_version(Services& services, Call) {
  co_return json_response(200, pair_json("version", services.options.version));
}

Task<Outcome> get_healthz(Services&, Call) { co_return text_response(200, "text/plain", "ok\n"); }

Task<Outcome> get_readyz(Services& services, Call) {
  if (is_ready(services)) co_return text_response(200, "text/plain", "ready\n");
  co_return text_response(503, "text/plain", "not ready\n");
}

Task<Outcome> get_metrics(Services& services, Call) {
  if (!services.options.metrics) co_return refuse("no_route", "this process keeps no metrics");
  co_return text_response(200, "text/plain; version=0.0.4; charset=utf-8", services.options.metrics());
}

Task<Outcome> get_openapi(Services& services, Call) {
  co_return json_response(200, openapi_json(services.options.version));
}

}  // namespace keyfob::api
