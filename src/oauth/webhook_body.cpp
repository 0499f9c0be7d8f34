#include "oauth/webhook_body.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace keyfob::oauth {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepth = 32;
constexpr std::size_t kId = 128;
constexpr std::string_view kReauthenticate = "REAUTHENTICATE";

const json::object* object_at(const json::object* object, std::string_view name) {
  const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::string_view text_at(const json::object* object, std::string_view name) {
  const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

/// An id that is no id is none.
std::string id_at(const json::object* object, std::string_view name) {
  const std::string_view text = text_at(object, name);
  return text.size() <= kId ? std::string(text) : std::string();
}

/// An object with a type, or the bare word.
std::string_view resolution_of(const json::object& error) {
  const std::string_view bare = text_at(&error, "resolution");
  return bare.empty() ? text_at(object_at(&error, "resolution"), "type") : bare;
}

bool is_reauthentication(const json::object& error) {
  return resolution_of(error) == kReauthenticate && text_at(&error, "state") == "ERROR";
}

/// What is resolved needs no resolution any more: its type says enough.
bool is_about_account(const json::object& error) {
  return resolution_of(error) == kReauthenticate || text_at(&error, "type") == "CONNECTED_SERVICES_ACCOUNT";
}

bool is_plain(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, plain);
}

std::string reason_of(const json::object& error) {
  const std::string_view type = text_at(&error, "type");
  const std::string_view code = text_at(&error, "code");
  if (!is_plain(type)) return std::string(kReauthenticate);
  return is_plain(code) ? std::string(type) + "/" + std::string(code) : std::string(type);
}

std::vector<AccountError> account_errors_of(const json::object* data) {
  std::vector<AccountError> found;
  const json::value* errors = data == nullptr ? nullptr : data->if_contains("errors");
  const json::array* list = errors == nullptr ? nullptr : errors->if_array();
  if (list == nullptr) return found;
  for (const json::value& item : *list) {
    const json::object* error = item.if_object();
    if (error == nullptr) continue;
    const bool resolved = text_at(error, "state") == "RESOLVED";
    if (resolved ? is_about_account(*error) : is_reauthentication(*error)) {
      found.push_back({reason_of(*error), resolved});
    }
  }
  return found;
}

/// 3.0 and 4.0.
void read_event(const json::object& body, WebhookBody& out) {
  const json::object* data = object_at(&body, "data");
  out.event_id = id_at(&body, "eventId");
  out.kind = id_at(&body, "eventType");
  out.verify = out.kind == "VERIFY";
  if (out.verify) out.challenge = text_at(data, "challenge");
  out.provider_user = ProviderUserId(id_at(object_at(data, "user"), "id"));
  out.vehicle = VehicleId(id_at(object_at(data, "vehicle"), "id"));
  if (out.kind == "VEHICLE_ERROR") out.account_errors = account_errors_of(data);
}

void read_v2(const json::object& body, WebhookBody& out) {
  const json::object* payload = object_at(&body, "payload");
  out.event_id = id_at(payload, "eventId");
  out.kind = id_at(&body, "eventName");
  out.verify = out.kind == "verify";
  if (out.verify) out.challenge = text_at(payload, "challenge");
  out.vehicle = VehicleId(id_at(payload, "vehicleId"));
}

}  // namespace

Result<WebhookBody> parse_webhook(std::string_view body) {
  if (body.size() > kWebhookBytes) return fail(ErrorCode::invalid_argument, "the webhook is larger than 256 KiB");
  json::parse_options options;
  options.max_depth = kDepth;
  json::error_code error;
  const json::value parsed = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error || !parsed.is_object()) return fail(ErrorCode::invalid_argument, "the webhook is not a JSON object");
  const json::object& object = parsed.get_object();
  WebhookBody out;
  if (object.contains("eventType")) {
    read_event(object, out);
  } else {
    read_v2(object, out);
  }
  return out;
}

bool good_challenge(std::string_view challenge) {
  const auto plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("._~+/=:-").find(c) != std::string_view::npos;
  };
  return !challenge.empty() && challenge.size() <= 256 && std::ranges::all_of(challenge, plain);
}

}  // namespace keyfob::oauth
