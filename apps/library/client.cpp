#include <keyfob/client.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <utility>

#include <keyfob/async.hpp>
#include "apps/keyfob/event_thread.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "apps/library/failures.hpp"
#include "http/client.hpp"

namespace keyfob {
namespace {

namespace json = boost::json;

constexpr Milliseconds kBesidePatience = seconds(5);

std::string query_of(const TokenQuery& query) {
  std::string out = "/v1/token?";
  const auto add = [&out](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    if (!out.ends_with('?')) out += '&';
    out += std::string(name) + '=' + http::encode_component(value);
  };
  add("app", query.app);
  add("user", query.user);
  add("vehicle", query.vehicle);
  return out;
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string().c_str()) : std::string();
}

Failure failure_of(const http::ClientResponse& response) {
  const std::string code(http::find_header(response.headers, "keyfob-error").value_or(""));
  Failure out{.reason = library::reason_of(code, response.status)};
  boost::system::error_code ignored;
  const json::value body = json::parse(std::string_view(response.body), ignored);
  if (body.is_object()) {
    out.what = text_of(body.as_object(), "detail");
    out.hint = text_of(body.as_object(), "hint");
    out.grant = text_of(body.as_object(), "grant");
    out.user = text_of(body.as_object(), "user");
  }
  if (out.what.empty()) out.what = "status " + std::to_string(response.status) + (code.empty() ? ": not Keyfob's" : "");
  const auto wait = http::find_header(response.headers, "retry-after");
  if (wait) out.retry_after = std::chrono::seconds(std::atoll(std::string(*wait).c_str()));
  return out;
}

Expected<Token> token_of(const http::ClientResponse& response) {
  if (response.status != 200) return std::unexpected(failure_of(response));
  boost::system::error_code failed;
  const json::value body = json::parse(std::string_view(response.body), failed);
  const auto* object = body.if_object();
  const auto* value = object == nullptr ? nullptr : object->if_contains("access_token");
  if (failed || value == nullptr || !value->is_string())
    return std::unexpected(Failure{.reason = Reason::internal, .what = "the answer is not one of /v1/token"});
  Token token{.value = SecretText(value->as_string().c_str())};
  if (const auto* left = object->if_contains("expires_in"); left != nullptr && left->is_int64())
    token.expires_at = std::chrono::system_clock::now() + std::chrono::seconds(left->as_int64());
  token.grant = text_of(*object, "grant");
  token.user = text_of(*object, "user");
  token.scope = text_of(*object, "scope");
  if (const auto* vehicles = object->if_contains("vehicles"); vehicles != nullptr && vehicles->is_array())
    for (const json::value& one : vehicles->as_array())
      if (one.is_string()) token.vehicles.emplace_back(one.as_string().c_str());
  return token;
}

}  // namespace

struct Client::State {
  State(ClientConfig the_config, http::Client the_client, std::unique_ptr<node::SystemClock> the_clock)
      : config(std::move(the_config)), clock(std::move(the_clock)), client(std::move(the_client)) {}

  Task<Expected<Token>> ask(TokenQuery query);

  ClientConfig config;
  std::unique_ptr<node::SystemClock> clock;
  node::EventThread thread;
  http::Client client;  // gone before the thread's context: it keeps connections there
};

Task<Expected<Token>> Client::State::ask(TokenQuery query) {
  if (query.user.empty() && query.vehicle.empty())
    co_return std::unexpected(Failure{.reason = Reason::invalid_argument, .what = "name a user, a vehicle or both"});
  http::ClientRequest request;
  request.origin = config.url;
  request.target = wiped_string(query_of(query));
  request.headers.emplace_back("Authorization", wiped_string("Bearer "));
  request.headers.back().second.append(config.api_key.reveal());
  const BootTime until = clock->boot() + query.patience + kBesidePatience;
  const http::ClientLimits limits{.send_before = until, .give_up_at = until};
  const http::ClientOutcome outcome = co_await client.exchange(std::move(request), limits);
  if (!outcome) {
    const Reason reason = outcome.error().code == ErrorCode::timeout            ? Reason::timeout
                          : outcome.error().code == ErrorCode::invalid_argument ? Reason::invalid_argument
                                                                                : Reason::unavailable;
    co_return std::unexpected(Failure{.reason = reason, .what = config.url + ": " + outcome.error().what});
  }
  co_return token_of(*outcome);
}

Expected<Client> Client::open(ClientConfig config) {
  while (config.url.ends_with('/')) config.url.pop_back();
  auto clock = std::make_unique<node::SystemClock>();
  http::ClientConfig settings;
  settings.ca_file = config.ca_file;
  auto client = http::Client::create(std::move(settings), [at = clock.get()] { return at->boot(); });
  if (!client) return std::unexpected(library::failure_of(client.error()));
  return Client(std::make_unique<State>(std::move(config), std::move(*client), std::move(clock)));
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Expected<Token> Client::token(TokenQuery query) { return state_->thread.wait_for(state_->ask(std::move(query))); }

struct ClientAccess {
  static Client::State& state(Client& client) { return *client.state_; }
};

asio::awaitable<Expected<Token>> async_token(Client& client, TokenQuery query) {
  auto& state = ClientAccess::state(client);
  auto answer = co_await asio::co_spawn(state.thread.executor(), state.ask(std::move(query)), asio::use_awaitable);
  co_return answer;
}

}  // namespace keyfob
