#include "apps/keyfob/in_process_api.hpp"

#include "access/access_table.hpp"
#include "apps/keyfob/node.hpp"
#include "telemetry/null_metrics.hpp"

namespace keyfob::cli {
namespace {

class NoEvents final : public EventSink {
 public:
  void emit(const Event&) override {}
};

/// Whether a request may use a refresh token: then what the spool and other attempts hold has to be known first.
bool uses_the_provider(const http::Request& request) {
  const auto path = request.path();
  return path == "/v1/grants:export" || (request.method != "GET" && path.starts_with("/v1/grants/"));
}

class InProcessApi final : public ApiTransport {
 public:
  Result<void> open(const config::Config& config, node::NodeState state) {
    auto node = node::Node::open(config, std::move(state), {events_, metrics_});
    if (!node) return fail(node.error());
    node_ = std::move(*node);
    return node_->load();
  }

  Result<http::Response> send(http::Request request) override {
    if (!started_ && uses_the_provider(request)) {
      if (auto begun = node_->start(); !begun) return fail(begun.error());
      started_ = true;
    }
    return node_->handle(std::move(request), access::admin_admission("local"));
  }

 private:
  NoEvents events_;
  telemetry::NullMetrics metrics_;
  std::unique_ptr<node::Node> node_;
  bool started_ = false;
};

}  // namespace

Result<std::unique_ptr<ApiTransport>> open_in_process_api(const config::Config& config, node::NodeState state) {
  auto api = std::make_unique<InProcessApi>();
  if (auto opened = api->open(config, std::move(state)); !opened) return fail(opened.error());
  return api;
}

}  // namespace keyfob::cli
