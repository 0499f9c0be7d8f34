#include "api/disclose.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "api/render.hpp"
#include "http/byte_scan.hpp"

namespace keyfob::api {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// A JSON string (RFC 8259 section 7). At most six times as long as `text`, plus two.
void append_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto plain =
        static_cast<std::size_t>(http::find_escaped(text.data(), text.data() + text.size()) - text.data());
    out.append(text.substr(0, plain));
    if (plain == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[plain]);
    if (byte < 0x20) {
      ((out += "\\u00") += kHex[byte >> 4U]) += kHex[byte & 15U];
    } else {
      (out += '\\') += text[plain];
    }
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out += out.size() > 1 ? ",\"" : "\"";
  out.append(name).append("\":");
  append_text(out, value);
}

std::string_view text_of(std::string_view text) { return text; }
std::string_view text_of(const VehicleId& vehicle) { return vehicle.view(); }

/// What the answer says of a token beside the token.
template <class Vehicles>
struct Disclosure {
  std::string_view token;
  std::string_view grant;
  std::string_view user;
  const Vehicles& vehicles;
  std::string_view scope;
  WallTime expires_at;
};

template <class Vehicles>
std::size_t size_of(const Disclosure<Vehicles>& say) {
  std::size_t texts = say.token.size() + say.grant.size() + say.user.size() + say.scope.size();
  std::size_t frame = 128;
  for (const auto& vehicle : say.vehicles) {
    texts += text_of(vehicle).size();
    frame += 3;
  }
  return frame + 6 * texts;
}

/// Both ways of GET /v1/token write their answer here. `out` never moves while the token is in it.
template <class Vehicles>
void write(std::string& out, const Disclosure<Vehicles>& say, WallTime now) {
  out.reserve(size_of(say));
  out = '{';
  append_member(out, "access_token", say.token);
  out += R"(,"token_type":"Bearer","expires_in":)";
  const auto left = std::chrono::floor<seconds>(std::max<Milliseconds>(say.expires_at - now, Milliseconds(0)));
  std::array<char, 20> digits{};
  out.append(digits.data(), std::to_chars(digits.begin(), digits.end(), left.count()).ptr);
  append_member(out, "grant", say.grant);
  append_member(out, "user", say.user);
  out += R"(,"vehicles":[)";
  bool first = true;
  for (const auto& vehicle : say.vehicles) {
    if (!std::exchange(first, false)) out += ',';
    append_text(out, text_of(vehicle));
  }
  out += ']';
  append_member(out, "scope", say.scope);
  out += '}';
}

}  // namespace

http::Response disclose_token(const GrantToken& token, WallTime now) {
  std::string body;
  write(body,
        Disclosure<std::vector<VehicleId>>{reveal_secret(token.token), token.ref.grant.view(), token.user.view(),
                                           token.vehicles, token.scope, token.expires_at},
        now);
  return json_response(200, std::move(body));
}

void disclose_token(std::string& body, const TokenSlot& token, WallTime now) {
  write(body,
        Disclosure<PackedTexts>{token.token.view(), token.grant, token.user, token.vehicles, token.scope,
                                token.expires_at},
        now);
}

http::Response disclose_api_key(int status, std::string_view caller_json, const Secret& key) {
  std::string body;
  body.reserve(caller_json.size() + 32 + 6 * key.size());
  body.append(caller_json.substr(0, caller_json.size() - 1));
  append_member(body, "api_key", reveal_secret(key));
  body += '}';
  return json_response(status, std::move(body));
}

}  // namespace keyfob::api
