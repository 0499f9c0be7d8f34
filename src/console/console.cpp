#include "console/console.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <expected>
#include <utility>

#include "api/body_reader.hpp"
#include "api/endpoint.hpp"
#include "api/problem.hpp"
#include "api/render.hpp"
#include "console/assets.hpp"
#include "console/guard.hpp"
#include "console/history.hpp"
#include "core/api_key.hpp"
#include "crypto/random.hpp"

namespace keyfob::console {
namespace {

namespace json = boost::json;

constexpr std::string_view kRoot = "/console/";
constexpr std::string_view kSession = "/console/session";
constexpr std::string_view kApi = "/console/api/";
constexpr std::string_view kHistory = "/console/api/history";
constexpr std::string_view kCensus = "/console/api/census";
constexpr std::size_t kLargestKey = 512;

/// What of /v1 the pages may call. Nothing here discloses a token or makes an API key.
struct Passage {
  std::string_view method;
  std::string_view path;
};
constexpr std::array kPassages = {
    Passage{"GET", "/v1/status"},
    Passage{"GET", "/v1/apps"},
    Passage{"GET", "/v1/audit"},
    Passage{"GET", "/v1/grants"},
    Passage{"GET", "/v1/grants/{id}"},
    Passage{"GET", "/v1/grants/{id}/outlook"},
    Passage{"POST", "/v1/grants/{id}/refresh"},
    Passage{"DELETE", "/v1/grants/{id}"},
    Passage{"POST", "/v1/connect"},
};

bool may_pass(const api::Endpoint* endpoint) {
  if (endpoint == nullptr) return false;
  const auto is_it = [endpoint](const Passage& passage) {
    return passage.method == endpoint->method && passage.path == endpoint->path;
  };
  return std::ranges::any_of(kPassages, is_it);
}

http::Response refusal(std::string_view code, std::string detail, std::string hint = {}) {
  return api::to_response(api::problem(code, std::move(detail), std::move(hint)));
}

std::string_view code_of(const http::Response& refusal) {
  return http::find_header(refusal.headers, "Keyfob-Error").value_or(std::string_view());
}

http::Response not_allowed(std::string_view methods) {
  http::Response response = refusal("method_not_allowed", "this path has other methods");
  response.headers.push_back({"Allow", std::string(methods)});
  return response;
}

http::Response to_root() {
  return {.status = 308, .headers = {{"Location", std::string(kRoot)}, {"Cache-Control", "no-cache"}}};
}

http::Response file_response(const http::Request& request, const Asset& asset) {
  const std::string tag = '"' + std::string(asset.tag) + '"';
  http::Response response;
  response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}};
  if (request.header("If-None-Match") == tag) {
    response.status = 304;
    return response;
  }
  response.headers.push_back({"Content-Type", std::string(content_type_of(asset))});
  if (request.method != "HEAD") response.body = asset.text;
  return response;
}

http::Response serve_file(const http::Request& request) {
  std::string_view name = request.path().substr(kRoot.size());
  if (name.empty()) name = "index.html";
  const Asset* asset = find_asset(name);
  if (asset == nullptr) return refusal("no_route", "nothing is served at this path", "the console is at /console/");
  if (request.method != "GET" && request.method != "HEAD") return not_allowed("GET");
  return file_response(request, *asset);
}

/// Marks what is done from here in logs and in the audit trail.
std::string request_id() {
  std::array<std::uint8_t, 8> bytes{};
  crypto::random_bytes(bytes);
  return "console-" + to_hex(bytes);
}

bool is_foreign(const http::Header& header) {
  constexpr std::array<std::string_view, 5> kNames = {"Cookie", "Authorization", "X-Request-Id", "Idempotency-Key",
                                                      "Origin"};
  return std::ranges::any_of(kNames, [&](std::string_view name) { return http::equal_no_case(header.name, name); });
}

/// The same request for the API: /console/api/x is /v1/x.
http::Request for_api(http::Request request) {
  request.target = "/v1/" + request.target.substr(kApi.size());
  std::erase_if(request.headers, is_foreign);
  request.headers.push_back({"X-Request-Id", request_id()});
  return request;
}

json::value text_or_null(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

std::size_t minutes_in(std::string_view query) {
  constexpr std::string_view kName = "minutes=";
  std::size_t minutes = History::kMinutes;
  if (!query.starts_with(kName)) return minutes;
  query.remove_prefix(kName.size());
  static_cast<void>(std::from_chars(query.data(), query.data() + query.size(), minutes));
  return std::min(minutes, History::kMinutes);
}

/// The key of {"api_key":"..."}; empty when there is none that could be one.
WipedString key_in(std::string_view body) {
  constexpr std::array<std::string_view, 1> kFields = {"api_key"};
  api::BodyReader reader(body, kFields);
  std::string text = reader.text("api_key", api::Need::required);
  auto key = wiped_string(text);
  wipe(text.data(), text.size());
  return !reader.error() && key.size() <= kLargestKey && parse_api_key(key) ? key : WipedString();
}

WipedString bearer(std::string_view key) {
  auto out = wiped_string("Bearer ", 64 + key.size());
  out.append(key);
  return out;
}

}  // namespace

struct Console::State {
  State(api::Api& api_given, Gatekeeper& gate, const Clock& clock_given, ConsoleOptions given)
      : api(api_given),
        gatekeeper(gate),
        clock(clock_given),
        options(given),
        sessions(given.sessions),
        history(clock_given.wall()) {}

  using Admitted = std::expected<std::shared_ptr<const Admission>, http::Response>;
  /// As the caller of this key, if that is an admin.
  Admitted admit(std::string_view key, std::string_view peer) const;
  /// As the caller of the request's session.
  Admitted admit(const http::Request& request);
  http::Response describe(const Admission& caller) const;
  void note_sign_in(const Admission& caller) const;
  http::Response sign_in(const http::Request& request);
  http::Response sign_out(const http::Request& request);
  http::Response session(const http::Request& request);
  Task<Totals> totals() const;
  Task<http::Response> count_grants(const Admission& caller) const;

  static Task<http::Response> answer(std::shared_ptr<State> self, http::Request request);
  static Task<http::Response> call(std::shared_ptr<State> self, http::Request request);

  api::Api& api;
  Gatekeeper& gatekeeper;
  const Clock& clock;
  const ConsoleOptions options;
  Sessions sessions;
  History history;
};

Console::State::Admitted Console::State::admit(std::string_view key, std::string_view peer) const {
  const auto authorization = bearer(key);
  auto admitted = gatekeeper.admit({.authorization = authorization, .peer = peer});
  if (!admitted && admitted.error() == AccessProblem::throttled) {
    return std::unexpected(refusal("throttled", "too many failed attempts from this address", "try again in a minute"));
  }
  if (!admitted) return std::unexpected(refusal("unauthenticated", "this is no API key that is valid here"));
  if (!(*admitted)->permissions.has(Permission::admin)) {
    return std::unexpected(refusal("forbidden", "the console is for callers with the permission admin",
                                   "keyfob caller add NAME --allow admin"));
  }
  return std::move(*admitted);
}

Console::State::Admitted Console::State::admit(const http::Request& request) {
  const std::string_view id = session_cookie(request);
  const auto key = sessions.key_of(id, clock.boot());
  if (!key) return std::unexpected(refusal("unauthenticated", "there is no session", "sign in with an API key"));
  auto admitted = admit(*key, request.peer);
  if (!admitted && admitted.error().status != 429) sessions.end(id);
  return admitted;
}

http::Response Console::State::describe(const Admission& caller) const {
  json::object out{{"name", caller.name}, {"app", text_or_null(caller.app.view())}};
  out["idle"] = std::chrono::floor<seconds>(options.sessions.idle).count();
  out["lifetime"] = std::chrono::floor<seconds>(options.sessions.lifetime).count();
  return api::json_response(200, json::serialize(out));
}

void Console::State::note_sign_in(const Admission& caller) const {
  if (options.audit == nullptr) return;
  AuditEntry entry;
  entry.at = clock.wall();
  entry.actor = caller.name;
  entry.action = "console.signed_in";
  entry.outcome = "ok";
  entry.app = caller.app;
  entry.request_id = request_id();
  options.audit->record(std::move(entry));
}

/// Whatever is wrong with a key, the answer is the same: it says nothing about which keys there are.
http::Response Console::State::sign_in(const http::Request& request) {
  const auto key = key_in(request.body);
  const auto admitted = admit(key, request.peer);
  if (!admitted) {
    if (options.audit != nullptr) {
      options.audit->count_refusal({{}, code_of(admitted.error()), "POST /console/session", {}, request_id()});
    }
    return admitted.error();
  }
  note_sign_in(**admitted);
  sessions.end(session_cookie(request));
  const auto id = sessions.begin(key, clock.boot());
  http::Response response = describe(**admitted);
  response.headers.push_back(set_cookie(id, browser_has_tls(request, options.listener_has_tls)));
  return response;
}

http::Response Console::State::sign_out(const http::Request& request) {
  sessions.end(session_cookie(request));
  http::Response response = api::empty_response(204);
  response.headers.push_back(set_cookie({}, browser_has_tls(request, options.listener_has_tls)));
  return response;
}

http::Response Console::State::session(const http::Request& request) {
  if (request.method == "POST") return sign_in(request);
  if (request.method == "DELETE") return sign_out(request);
  if (request.method != "GET") return not_allowed("GET, POST, DELETE");
  const auto admitted = admit(request);
  return admitted ? describe(**admitted) : admitted.error();
}

Task<Totals> Console::State::totals() const {
  http::Request request{.method = "GET", .target = "/metrics", .headers = {}, .body = {}};
  const http::Response response = co_await api.handle(std::move(request));
  co_return read_totals(response.status == 200 ? std::string_view(response.body) : std::string_view());
}

/// Counts are of the whole installation, so they are nothing for admins of one application.
Task<http::Response> Console::State::count_grants(const Admission& caller) const {
  if (!caller.app.empty() || !options.census) co_return api::json_response(200, "null");
  const auto counted = co_await options.census();
  if (!counted) co_return refusal("store_unavailable", "the grants cannot be counted now", "try again");
  co_return api::json_response(200, *counted);
}

Task<http::Response> Console::State::call(std::shared_ptr<State> self, http::Request request) {
  auto admitted = self->admit(request);
  if (!admitted) co_return std::move(admitted.error());
  if (request.path() == kHistory) {
    if (request.method != "GET") co_return not_allowed("GET");
    const Totals now = co_await self->totals();
    co_return api::json_response(200, self->history.json(self->clock.wall(), now, minutes_in(request.query())));
  }
  if (request.path() == kCensus) {
    if (request.method != "GET") co_return not_allowed("GET");
    http::Response counted = co_await self->count_grants(**admitted);
    co_return counted;
  }
  http::Request forwarded = for_api(std::move(request));
  const api::Match match = api::match_endpoint(forwarded.method, forwarded.path());
  if (!may_pass(match.endpoint)) co_return refusal("no_route", "the console does not call this", "see /openapi.json");
  http::Response response = co_await self->api.handle(std::move(forwarded), std::move(*admitted));
  co_return response;
}

Task<http::Response> Console::State::answer(std::shared_ptr<State> self, http::Request request) {
  const bool is_call = request.path().starts_with(kApi);
  if (request.path() == kRoot.substr(0, kRoot.size() - 1)) co_return to_root();
  if (!is_call && request.path() != kSession) co_return serve_file(request);
  if (!is_own_request(request)) {
    co_return refusal("forbidden", "this request does not come from the console's own page");
  }
  if (is_call) {
    http::Response response = co_await call(self, std::move(request));
    co_return response;
  }
  http::Response response = self->session(request);
  wipe(request.body.data(), request.body.size());
  co_return response;
}

Console::Console(api::Api& api, Gatekeeper& gatekeeper, const Clock& clock, ConsoleOptions options)
    : state_(std::make_shared<State>(api, gatekeeper, clock, options)) {}

namespace {

Task<http::Response> protect_answer(Task<http::Response> answer) {
  http::Response response;
  try {
    response = co_await std::move(answer);
  } catch (const std::exception&) {
    response = refusal("internal", "an unexpected failure inside Keyfob", "please report it");
  }
  protect(response);
  co_return response;
}

}  // namespace

Task<http::Response> Console::handle(http::Request request) {
  return protect_answer(State::answer(state_, std::move(request)));
}

namespace {

/// Until the next whole minute.
Milliseconds rest_of_minute(WallTime now) {
  return minutes(1) - Milliseconds(to_unix_ms(now) % Milliseconds(minutes(1)).count());
}

template <class State>
Task<void> sample(std::weak_ptr<State> watched, std::unique_ptr<Clock> clock) {
  for (;;) {
    co_await clock->sleep(rest_of_minute(clock->wall()));
    const auto state = watched.lock();
    if (state == nullptr) co_return;
    const Totals totals = co_await state->totals();
    state->history.add(clock->wall(), totals);
  }
}

}  // namespace

Task<void> Console::take_samples(std::unique_ptr<Clock> clock) {
  return sample(std::weak_ptr<State>(state_), std::move(clock));
}

bool Console::serves(std::string_view path) { return path == "/console" || path.starts_with(kRoot); }

}  // namespace keyfob::console
