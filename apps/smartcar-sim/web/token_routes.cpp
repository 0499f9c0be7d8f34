// POST /oauth/token (v2, user tokens) and POST /oauth2/token (v3, application tokens).
#include "base/bytes.hpp"
#include "web/json.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {
namespace {

struct ClientAuth {
  std::string style = "none";  // basic, body, query
  std::string id;
  std::string secret;
};

/// The parameters of a token request: form body (or JSON, as v3's OpenAPI has it), else the query.
class Parameters {
 public:
  explicit Parameters(const Call& call) : query_(call.request.query()) {
    const std::string_view type = call.request.header("content-type").value_or("");
    if (type.starts_with("application/x-www-form-urlencoded")) form_ = call.request.body;
    if (type.starts_with("application/json")) json_ = parse_object(call.request.body).value_or(json::object());
  }
  [[nodiscard]] std::string body(std::string_view name) const {
    return http::form_value(form_, name).value_or(text_of(json_, name).value_or(""));
  }
  [[nodiscard]] std::string query(std::string_view name) const { return http::form_value(query_, name).value_or(""); }
  [[nodiscard]] std::string any(std::string_view name) const {
    std::string value = body(name);
    return value.empty() ? query(name) : value;
  }

 private:
  std::string_view query_;
  std::string_view form_;
  json::object json_;
};

std::optional<ClientAuth> basic_auth(const http::Request& request) {
  const std::string_view header = request.header("authorization").value_or("");
  if (!header.starts_with("Basic ")) return std::nullopt;
  const auto bytes = from_base64(header.substr(6));
  if (!bytes) return ClientAuth{"basic", "", ""};
  const std::string_view pair = as_text(*bytes);
  const auto colon = pair.find(':');
  if (colon == std::string_view::npos) return ClientAuth{"basic", std::string(pair), ""};
  return ClientAuth{"basic", std::string(pair.substr(0, colon)), std::string(pair.substr(colon + 1))};
}

ClientAuth client_auth(const http::Request& request, const Parameters& parameters) {
  if (auto basic = basic_auth(request)) return *basic;
  if (auto id = parameters.body("client_id"); !id.empty()) return {"body", id, parameters.body("client_secret")};
  if (auto id = parameters.query("client_id"); !id.empty()) return {"query", id, parameters.query("client_secret")};
  return {};
}

http::Response oauth_error(int status, std::string_view error, std::string_view description) {
  return json_response(status, json::object{{"error", error}, {"error_description", description}});
}

http::Response refused(Call& call, std::string_view what, std::string_view value) {
  switch (call.sim.world->settings().refusal_words) {
    case RefusalWords::invalid_grant: return oauth_error(400, "invalid_grant", "The grant is invalid or expired.");
    case RefusalWords::legacy: return oauth_error(400, "invalid_request", "Invalid or expired token");
    case RefusalWords::smartcar: break;
  }
  // The real endpoint echoes the secret, so clients have to redact it.
  return oauth_error(400, "invalid_request", "Invalid " + std::string(what) + ": " + std::string(value) + ".");
}

http::Response pair_response(const TokenPair& pair) {
  return json_response(200, json::object{{"access_token", pair.access_token},
                                         {"token_type", "Bearer"},
                                         {"expires_in", pair.expires_in.count()},
                                         {"refresh_token", pair.refresh_token}});
}

http::Response answer(Call& call, const TokenAnswer& pair, std::string_view what, const std::string& value) {
  call.entry.credential = digest_of(value);
  if (pair) return pair_response(*pair);
  call.entry.outcome = to_string(pair.error());
  return refused(call, what, value);
}

http::Response exchange(Call& call, const ClientAuth& client, const Parameters& parameters) {
  const std::string code = parameters.any("code");
  if (code.empty()) return oauth_error(400, "invalid_request", "Missing parameter: code.");
  call.entry.outcome = "exchanged";
  const auto pair = call.world().desk.exchange_code(client.id, code, parameters.any("redirect_uri"), call.now);
  return answer(call, pair, "code", code);
}

http::Response refresh(Call& call, const ClientAuth& client, const Parameters& parameters) {
  const std::string token = parameters.any("refresh_token");
  if (token.empty()) return oauth_error(400, "invalid_request", "Missing parameter: refresh_token.");
  TokenDesk& desk = call.world().desk;
  const std::uint64_t second_uses = desk.stats().second_uses;
  const auto pair = desk.refresh(client.id, token, call.now);
  call.entry.outcome = desk.stats().second_uses == second_uses ? "rotated" : "replayed";
  if (const auto facts = desk.inspect_refresh(token, call.now)) call.entry.user = facts->grant->consent.user;
  return answer(call, pair, "refresh_token", token);
}

http::Response invalid_client(Call& call) {
  call.entry.outcome = "invalid_client";
  return oauth_error(401, "invalid_client", "The client id or the client secret is invalid.");
}

http::Response user_tokens(Call& call) {
  const Parameters parameters(call);
  const ClientAuth client = client_auth(call.request, parameters);
  call.entry.client_auth = client.style;
  call.entry.client_id = client.id;
  call.entry.grant_type = parameters.any("grant_type");
  if (!call.world().clients.accepts(client.id, client.secret)) return invalid_client(call);
  if (call.entry.grant_type == "authorization_code") return exchange(call, client, parameters);
  if (call.entry.grant_type == "refresh_token") return refresh(call, client, parameters);
  if (call.entry.grant_type.empty()) return oauth_error(400, "invalid_request", "Missing parameter: grant_type.");
  return oauth_error(400, "unsupported_grant_type", "Unsupported grant type.");
}

http::Response application_tokens(Call& call) {
  const Parameters parameters(call);
  const ClientAuth auth = client_auth(call.request, parameters);
  call.entry.client_auth = auth.style;
  call.entry.client_id = auth.id;
  call.entry.grant_type = parameters.any("grant_type");
  const std::string* client = call.world().clients.accepts_v3(auth.id, auth.secret);
  if (client == nullptr) return invalid_client(call);
  if (call.entry.grant_type.empty()) return oauth_error(400, "invalid_request", "Missing parameter: grant_type.");
  if (call.entry.grant_type != "client_credentials") {
    return oauth_error(400, "unsupported_grant_type", "Unsupported grant type.");
  }
  call.entry.outcome = "issued";
  const std::string token = call.world().issue_app_token(*client, call.now);
  return json_response(200, json::object{{"access_token", token},
                                         {"token_type", "Bearer"},
                                         {"expires_in", call.world().settings().app_token_ttl.count()}});
}

constexpr std::array kRoutes{
    Route{"POST", "/oauth/token", Place::token, user_tokens},
    Route{"POST", "/oauth2/token", Place::app_token, application_tokens},
};

}  // namespace

std::span<const Route> token_routes() { return kRoutes; }

}  // namespace keyfob::sim
