#include "api/disclose.hpp"

#include <algorithm>

#include "api/render.hpp"

namespace keyfob::api {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// A JSON string (RFC 8259 section 7). At most six times as long as `text`, plus two.
void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte < 0x20) {
      ((out += "\\u00") += kHex[byte >> 4U]) += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  out += out.size() > 1 ? ",\"" : "\"";
  out.append(name).append("\":");
  append_text(out, value);
}

void append_vehicles(std::string& out, const std::vector<VehicleId>& vehicles) {
  out += ",\"vehicles\":[";
  for (std::size_t i = 0; i < vehicles.size(); ++i) {
    if (i != 0) out += ',';
    append_text(out, vehicles[i].view());
  }
  out += ']';
}

}  // namespace

http::Response disclose_token(const GrantToken& token, WallTime now) {
  const auto left = std::max<Milliseconds>(token.expires_at - now, Milliseconds(0));
  std::string rest =
      R"(,"token_type":"Bearer","expires_in":)" + std::to_string(std::chrono::floor<seconds>(left).count());
  append_member(rest, "grant", token.ref.grant.view());
  append_member(rest, "user", token.user.view());
  append_vehicles(rest, token.vehicles);
  append_member(rest, "scope", token.scope);
  std::string body;
  body.reserve(32 + 6 * token.token.size() + rest.size());
  body += '{';
  append_member(body, "access_token", reveal_secret(token.token));
  body.append(rest) += '}';
  return json_response(200, std::move(body));
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
