#include "gateway/gateway.hpp"

#include "gateway/conversation.hpp"
#include "gateway/request_figures.hpp"

namespace keyfob::gateway {
namespace {

GatewayProblem problem_for(int status) {
  switch (status) {
    case 413: return GatewayProblem::too_large;
    case 500: return GatewayProblem::internal;
    case 504: return GatewayProblem::timeout;
    default: return GatewayProblem::bad_request;
  }
}

class GatewayService final : public http::Service {
 public:
  GatewayService(std::shared_ptr<const GatewayOptions> options, GatewayThread thread)
      : options_(std::move(options)), thread_(std::move(thread)) {}

  std::unique_ptr<http::Conversation> converse(const http::Peer&) override {
    return std::make_unique<GatewayConversation>(thread_);
  }

  http::Response refuse(int status, std::string_view why) override {
    http::Response response = to_response(problem_for(status), {std::string(why)});
    response.status = status;
    const bool was_counted = status == 408 || status == 413 || status == 500 || status == 504;  // when it began
    if (thread_.ports.metrics != nullptr && !was_counted)
      count_request(*thread_.ports.metrics, RequestClass::malformed, {.status = status});
    return response;
  }

 private:
  std::shared_ptr<const GatewayOptions> options_;
  GatewayThread thread_;
};

}  // namespace

Result<http::ServiceFactory> make_gateway(GatewayPorts ports, GatewayOptions options) {
  auto plan = Plan::compile(options.profiles);
  if (!plan) return fail(plan.error());
  auto shared = std::make_shared<const GatewayOptions>(std::move(options));
  auto throttled = shared->remember_retry_after ? std::make_shared<ThrottledVehicles>() : nullptr;
  auto ids = std::make_shared<http::RequestIds>("g");
  return [ports, plan = std::move(*plan), shared, throttled,
          ids](http::Worker& worker) -> Result<std::unique_ptr<http::Service>> {
    auto origins = Origins::open(*plan, worker);
    if (!origins) return fail(origins.error());
    GatewayThread thread{ports, *shared, plan, std::move(*origins), worker.background(), nullptr, throttled, ids};
    if (shared->direct) thread.direct = shared->direct();
    return std::make_unique<GatewayService>(shared, std::move(thread));
  };
}

}  // namespace keyfob::gateway
