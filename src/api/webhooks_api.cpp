// POST /webhooks/{app}: what the provider posts to us. engine/webhook_inbox.hpp has the rules.
#include "api/handlers.hpp"
#include "api/render.hpp"

namespace keyfob::api {

Task<Outcome> post_webhook(Services& services, Call call) {
  if (call.request.body.size() > oauth::kWebhookBytes) {
    co_return refuse("too_large", "a webhook is at most 256 KiB long");
  }
  const auto app = find_app(*services.directory(), call.captures.front());
  if (!app) co_return std::unexpected(app.error());
  engine::Webhook webhook{(*app)->app().id, std::move(call.request.body), {}};
  if (const auto signature = call.request.header("SC-Signature")) webhook.signature = std::string(*signature);
  const auto reply = co_await services.engine.webhooks().receive(std::move(webhook));
  if (!reply) co_return refuse(reply.error(), "unknown_app");
  if (const auto* proof = std::get_if<engine::Proof>(&*reply)) {
    co_return json_response(200, pair_json("challenge", proof->hex));
  }
  co_return json_response(200, "{}");
}

}  // namespace keyfob::api
