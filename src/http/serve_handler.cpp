#include "http/problem.hpp"
#include "http/server.hpp"

namespace keyfob::http {
namespace {

class HandlerConversation final : public Conversation {
 public:
  explicit HandlerConversation(const Handler& handler) : handler_(handler) {}
  void on_request(Exchange& exchange) override { exchange.call(handler_); }
  void on_failure(Exchange& exchange, UpstreamFailure) override { exchange.respond(Answer{.status = 504}); }

 private:
  const Handler& handler_;
};

class HandlerService final : public Service {
 public:
  explicit HandlerService(Handler handler) : handler_(std::move(handler)) {}
  std::unique_ptr<Conversation> converse(const Peer&) override {
    return std::make_unique<HandlerConversation>(handler_);
  }
  Response refuse(int status, std::string_view why) override {
    return problem_response({.status = status, .code = {}, .detail = std::string(why)}, {});
  }

 private:
  Handler handler_;
};

}  // namespace

ServiceFactory serve_handler(Handler handler) {
  return [handler = std::move(handler)](Worker&) -> Result<std::unique_ptr<Service>> {
    return std::make_unique<HandlerService>(handler);
  };
}

}  // namespace keyfob::http
