// fuzz: src/oauth/webhook_body.cpp base Boost::json

// Bodies of webhooks, which strangers send before any signature was looked at. What is read is bounded and plain, and a
// challenge that we would sign is never itself a webhook.

#include <algorithm>

#include "oauth/webhook_body.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;

constexpr std::size_t kId = 128;

bool is_plain(std::string_view reason) {
  return !reason.empty() && reason.size() <= 129 &&
         std::ranges::all_of(reason, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '/'; });
}

void expect_sound(const oauth::WebhookBody& body) {
  for (const std::string& id : {body.event_id, body.kind, body.provider_user.str(), body.vehicle.str()}) {
    CHECK(id.size() <= kId);
  }
  CHECK(body.verify || body.challenge.empty());
  CHECK(!body.verify || body.account_errors.empty());
  CHECK(body.account_errors.empty() || body.kind == "VEHICLE_ERROR");
  for (const oauth::AccountError& error : body.account_errors) CHECK(is_plain(error.reason));
}

}  // namespace

FUZZ(input) {
  if (oauth::good_challenge(input)) CHECK(!oauth::parse_webhook(input));
  const auto body = oauth::parse_webhook(input);
  if (!body) {
    CHECK(body.error().code == ErrorCode::invalid_argument);
    return;
  }
  CHECK(input.size() <= oauth::kWebhookBytes);
  expect_sound(*body);
  if (oauth::good_challenge(body->challenge)) CHECK(!oauth::parse_webhook(body->challenge));
}
