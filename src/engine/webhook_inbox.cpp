#include "engine/webhook_inbox.hpp"

#include <algorithm>

#include "crypto/hash.hpp"

namespace keyfob::engine {
namespace {

constexpr Milliseconds kRemembered = days(7);
constexpr int kRounds = 5;

/// Constant time; the hex is ours and lower-case.
bool is_signed_with(const ManagementToken& key, const Webhook& webhook) {
  const std::string ours = crypto::hmac_sha256_hex(as_bytes(reveal_secret(key)), as_bytes(webhook.body));
  return webhook.signature && equal_constant_time(as_bytes(ours), as_bytes(*webhook.signature));
}

/// A version that has no ids repeats the same bytes.
std::string id_of(const oauth::WebhookBody& body, std::string_view raw) {
  return body.event_id.empty() ? "sha256:" + to_hex(crypto::sha256(as_bytes(raw))) : body.event_id;
}

bool is_alive(GrantStatus status) { return status != GrantStatus::revoked && status != GrantStatus::revoking; }

}  // namespace

Result<WebhookInbox::Keys> WebhookInbox::keys_of(const ApplicationView& app) const {
  auto current = ports_.directory.management_token(app, SecretPurpose::management_token);
  if (!current) return fail(current.error());
  Keys keys{std::move(*current)};
  auto previous = ports_.directory.management_token(app, SecretPurpose::previous_management_token);
  if (previous) keys.previous = std::move(*previous);
  return keys;
}

Result<WebhookReply> WebhookInbox::prove(const oauth::WebhookBody& body, const Keys& keys) {
  if (!oauth::good_challenge(body.challenge)) {
    return fail(ErrorCode::invalid_argument, "the challenge is not 1 to 256 characters of A-Za-z0-9._~+/=:-",
                "another one could be an event: answering it would sign that");
  }
  return Proof{crypto::hmac_sha256_hex(as_bytes(reveal_secret(keys.current)), as_bytes(body.challenge))};
}

Task<Result<WebhookReply>> WebhookInbox::receive(Webhook webhook) {
  const auto app = ports_.directory.snapshot()->find(webhook.app);
  if (!app) co_return fail(ErrorCode::not_found, "no such application");
  const auto keys = keys_of(*app);
  if (!keys) co_return fail(keys.error());
  const bool genuine =
      is_signed_with(keys->current, webhook) || (keys->previous && is_signed_with(*keys->previous, webhook));
  const bool forged = webhook.signature && !genuine;
  if (forged) co_return fail(ErrorCode::unauthenticated, "SC-Signature does not fit the body");
  const auto body = oauth::parse_webhook(webhook.body);
  if (!body) co_return fail(body.error());
  if (body->verify) co_return prove(*body, *keys);
  if (!genuine) co_return fail(ErrorCode::unauthenticated, "a webhook without SC-Signature");
  oauth::WebhookBody said = *body;
  AppId whose = webhook.app;
  const Result<void> noted = co_await note(std::move(whose), std::move(said));
  if (!noted) co_return fail(noted.error());
  std::string event_id = id_of(*body, webhook.body);
  auto view = app;
  const Result<bool> news = co_await pass_on(std::move(view), std::move(webhook), std::move(event_id));
  if (!news) co_return fail(news.error());
  ports_.metrics.count("webhooks", *news ? "taken" : "repeated");
  co_return Taken{!*news};
}

/// Before the event id is remembered: a crash in between lets the provider say it again.
Task<Result<void>> WebhookInbox::note(AppId app, oauth::WebhookBody body) {
  if (body.account_errors.empty() || body.provider_user.empty() || body.vehicle.empty()) co_return Result<void>();
  GrantSelector selector;
  selector.vehicle = body.vehicle;
  const auto found = co_await ports_.reader.find(std::move(app), std::move(selector));
  if (!found) co_return fail(found.error());
  for (const GrantRecord& record : *found) {
    if (record.grant.provider_user != body.provider_user) continue;
    const GrantRef ref{record.grant.app, record.grant.id};
    for (const oauth::AccountError& error : body.account_errors) {
      GrantRef whose = ref;
      Attention attention{error.reason, body.vehicle, ports_.clock.wall()};
      const Result<void> noted = co_await note_on(std::move(whose), std::move(attention), error.resolved);
      if (!noted) co_return noted;
    }
  }
  co_return Result<void>();
}

/// A hint, no more: it is shown and told, and blocks nothing.
Task<Result<void>> WebhookInbox::note_on(GrantRef ref, Attention attention, bool resolved) {
  for (int round = 0; round < kRounds; ++round) {
    GrantRef here = ref;
    const auto record = co_await ports_.reader.load(std::move(here));
    if (!record && record.error().code == ErrorCode::not_found) co_return Result<void>();
    if (!record) co_return fail(record.error());
    const auto& present = record->grant.attention;
    const bool same = present && present->vehicle == attention.vehicle && present->reason == attention.reason;
    if (!is_alive(record->grant.status) || same != resolved) co_return Result<void>();
    Grant after = record->grant;
    after.attention = resolved ? std::nullopt : std::optional(attention);
    GrantChange change;
    change.attention = after.attention;
    change.notices = ports_.announcer.notice("grant.attention", after, {}, resolved ? "cleared" : "set");
    here = ref;
    const auto outcome =
        co_await ports_.store.update(std::move(here), record->grant.version, std::move(change), attention.since);
    if (!outcome && outcome.error().code == ErrorCode::not_found) co_return Result<void>();
    if (!outcome) co_return fail(outcome.error());
    if (std::holds_alternative<Updated>(*outcome)) {
      ports_.announcer.news();
      co_return Result<void>();
    }
  }
  co_return Result<void>();
}

/// Whether it is news. The mark is set with the row, in one transaction.
Task<Result<bool>> WebhookInbox::pass_on(std::shared_ptr<const ApplicationView> app, Webhook webhook,
                                         std::string event_id) {
  if (ports_.outbox == nullptr) co_return true;
  const WallTime now = ports_.clock.wall();
  std::vector<OutboxRow> rows;
  if (!app->app().webhook_url.empty()) {
    OutboxRow row;
    row.id = event_id;
    row.destination = webhook.app.str();
    row.app = webhook.app;
    row.stream = "webhook/" + event_id;  // the provider promises no order, so none is kept
    row.name = "webhook";
    row.body = std::move(webhook.body);
    row.at = now;
    rows.push_back(std::move(row));
  }
  std::optional<Mark> seen = Mark{webhook.app, "webhook/" + event_id, now + kRemembered};
  Result<bool> told = co_await ports_.outbox->tell(std::move(rows), std::move(seen), now);
  if (told && *told) ports_.announcer.news();
  co_return told;
}

}  // namespace keyfob::engine
