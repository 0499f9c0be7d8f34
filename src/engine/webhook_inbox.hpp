#pragma once
// WebhookInbox: what the provider posts to us: proves that we have the key, checks who wrote, notes what it says about
// an owner's account, and passes everything on to the application's own URL by the outbox (docs/how-to/webhooks.md).
//
// The key of webhooks is the application management token. A VERIFY comes unsigned and asks for an HMAC with this very
// key, so only what cannot be an event is ever signed for it.

#include <optional>
#include <string>
#include <variant>

#include "engine/announcer.hpp"
#include "oauth/webhook_body.hpp"
#include "ports/event_sink.hpp"
#include "ports/grant_store.hpp"

namespace keyfob::engine {

struct Webhook {
  AppId app;
  std::string body;                        ///< byte for byte as it came
  std::optional<std::string> signature{};  ///< SC-Signature
};
/// Answer 200 with this: the HMAC of the challenge, in hex.
struct Proof {
  std::string hex;
};
struct Taken {
  bool repeated = false;  ///< its event id was seen within the last 7 days: nothing was done
};
using WebhookReply = std::variant<Proof, Taken>;

/// Engine executor only.
class WebhookInbox {
 public:
  struct Ports {
    GrantReader& reader;
    RefreshStore& store;
    OutboxStore* outbox = nullptr;  ///< null: this store has none, nothing is passed on
    Clock& clock;
    Metrics& metrics;
    const Directory& directory;
    Announcer& announcer;
  };
  explicit WebhookInbox(Ports ports) : ports_(ports) {}

  /// Durable when it answers. not_found: no such application, or it has no management token. unauthenticated: the
  /// signature is none of ours. invalid_argument: no JSON object, or a challenge that could be an event. Others: the
  /// store's; the provider sends it again.
  Task<Result<WebhookReply>> receive(Webhook webhook);

 private:
  struct Keys {
    ManagementToken current;
    std::optional<ManagementToken> previous{};
  };
  [[nodiscard]] Result<Keys> keys_of(const ApplicationView& app) const;
  [[nodiscard]] static Result<WebhookReply> prove(const oauth::WebhookBody& body, const Keys& keys);
  Task<Result<void>> note(AppId app, oauth::WebhookBody body);
  Task<Result<void>> note_on(GrantRef ref, Attention attention, bool resolved);
  Task<Result<bool>> pass_on(std::shared_ptr<const ApplicationView> app, Webhook webhook, std::string event_id);

  Ports ports_;
};

}  // namespace keyfob::engine
