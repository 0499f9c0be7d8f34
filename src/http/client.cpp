#include "http/client.hpp"

#include <algorithm>
#include <boost/asio.hpp>
#include <deque>
#include <initializer_list>
#include <map>
#include <mutex>

#include "base/bytes.hpp"
#include "base/url.hpp"
#include "http/client_connection.hpp"
#include "http/tls.hpp"

namespace keyfob::http {
namespace {

namespace asio = boost::asio;
using Pointer = ClientConnection::Pointer;

bool is_text(std::string_view text) {
  return std::ranges::all_of(as_bytes(text), [](std::uint8_t b) { return (b >= 0x20 && b != 0x7f) || b == '\t'; });
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_sound(const ClientRequest& request) {
  return is_word(request.method) && request.target.starts_with('/') && is_word(request.target) &&
         std::ranges::all_of(request.headers, [](const auto& h) { return is_word(h.first) && is_text(h.second); });
}

bool names_length(const ClientRequest& request) {
  return std::ranges::any_of(request.headers, [](const auto& h) { return equal_no_case(h.first, "content-length"); });
}

/// The bytes of the request. Made in one block so that one write carries them.
WipedString wire_of(const ClientRequest& request, std::string_view host) {
  std::size_t size = 256 + request.method.size() + request.target.size() + host.size() + request.body.size();
  for (const auto& [name, value] : request.headers) size += name.size() + value.size() + 4;
  WipedString wire = wiped_string("", size);
  const auto add = [&](std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) wire.append(part);
  };
  add({request.method, " ", request.target, " HTTP/1.1\r\nHost: ", host, "\r\n"});
  for (const auto& [name, value] : request.headers) add({name, ": ", value, "\r\n"});
  if (!names_length(request) && (!request.body.empty() || request.method == "POST")) {
    add({"Content-Length: ", std::to_string(request.body.size()), "\r\n"});
  }
  add({"\r\n", request.body});
  return wire;
}

std::unexpected<ClientFailure> unsent(ErrorCode code, std::string what) {
  return std::unexpected(ClientFailure{false, code, std::move(what)});
}

}  // namespace

/// Shared by the client and the exchanges under way.
struct Client::State {
  State(ClientConfig c, Now n, asio::ssl::context t) : config(std::move(c)), now(std::move(n)), tls(std::move(t)) {}

  struct Idle {
    Pointer connection;
    BootTime since;
  };
  using Place = std::pair<std::string, const void*>;  ///< origin and execution context

  Pointer take_idle(const Place& place);
  void keep(const Place& place, Pointer connection);
  [[nodiscard]] Result<ClientRoute> route_to(std::string_view origin) const;

  const ClientConfig config;
  const Now now;
  asio::ssl::context tls;
  std::string proxy_host{};
  std::uint16_t proxy_port = 0;
  std::mutex mutex{};
  std::map<Place, std::deque<Idle>> idle{};
};

Pointer Client::State::take_idle(const Place& place) {
  const BootTime oldest = now() - config.idle;
  const std::lock_guard lock(mutex);
  const auto found = idle.find(place);
  if (found == idle.end()) return nullptr;
  auto& connections = found->second;
  while (!connections.empty() && connections.front().since < oldest) connections.pop_front();
  while (!connections.empty()) {
    Pointer connection = std::move(connections.back().connection);
    connections.pop_back();
    if (connection->still_open()) return connection;
  }
  return nullptr;
}

void Client::State::keep(const Place& place, Pointer connection) {
  const BootTime at = now();
  const BootTime oldest = at - config.idle;
  const std::lock_guard lock(mutex);
  for (auto& [other, connections] : idle) {
    while (!connections.empty() && connections.front().since < oldest) connections.pop_front();
  }
  auto& connections = idle[place];
  connections.push_back({std::move(connection), at});
  if (connections.size() > config.idle_connections) connections.pop_front();
}

Result<ClientRoute> Client::State::route_to(std::string_view origin) const {
  const auto url = split_url(origin);
  if (!url || !url->target.empty()) return fail(ErrorCode::invalid_argument, "not an origin");
  if (!url->tls && !url->loopback()) return fail(ErrorCode::invalid_argument, "plain http is for loopback only");
  ClientRoute route{.host = std::string(url->host), .port = url->port, .tls = url->tls};
  if (url->loopback()) return route;
  route.via_host = proxy_host;
  route.via_port = proxy_port;
  return route;
}

/// One exchange. It lives in its coroutine's frame.
class Client::Exchange {
 public:
  Exchange(std::shared_ptr<State> state, ClientRequest request, ClientLimits limits)
      : state_(std::move(state)), request_(std::move(request)), limits_(limits) {}

  asio::awaitable<ClientOutcome> run();

 private:
  asio::awaitable<std::expected<void, ClientFailure>> connect(bool may_reuse);
  asio::awaitable<ClientOutcome> talk(std::string_view wire);

  std::shared_ptr<State> state_;
  ClientRequest request_;
  ClientLimits limits_;
  ClientRoute route_{};
  State::Place place_{};
  Pointer connection_{};
  bool reused_ = false;
  bool nothing_sent_ = false;
};

asio::awaitable<ClientOutcome> Client::Exchange::run() {
  const auto route = state_->route_to(request_.origin);
  if (!route) co_return unsent(ErrorCode::invalid_argument, route.error().what);
  if (!is_sound(request_))
    co_return unsent(ErrorCode::invalid_argument, "the request has bytes that HTTP does not allow");
  route_ = *route;
  const auto executor = co_await asio::this_coro::executor;
  place_ = {request_.origin, &asio::query(executor, asio::execution::context)};
  const WipedString wire = wire_of(request_, std::string_view(request_.origin).substr(route_.tls ? 8 : 7));

  bool may_reuse = true;
  for (;;) {
    const auto ready = co_await connect(may_reuse);
    if (!ready) co_return std::unexpected(ready.error());
    ClientOutcome outcome = co_await talk(wire);
    if (!reused_ || !nothing_sent_) co_return outcome;
    may_reuse = false;
  }
}

asio::awaitable<std::expected<void, ClientFailure>> Client::Exchange::connect(bool may_reuse) {
  connection_ = may_reuse ? state_->take_idle(place_) : nullptr;
  reused_ = connection_ != nullptr;
  const auto executor = co_await asio::this_coro::executor;
  if (reused_) {
    connection_->move_to(executor);
    co_return std::expected<void, ClientFailure>();
  }
  const auto left = std::min(limits_.send_before, limits_.give_up_at) - state_->now();
  if (left <= Milliseconds(0)) co_return unsent(ErrorCode::timeout, "no time left to send");
  connection_ = std::make_shared<ClientConnection>(executor);
  const auto opened = co_await connection_->open(route_, state_->tls, left);
  co_return opened;
}

asio::awaitable<ClientOutcome> Client::Exchange::talk(std::string_view wire) {
  nothing_sent_ = false;
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != asio::cancellation_type::none) co_return unsent(ErrorCode::cancelled, "cancelled");
  const BootTime now = state_->now();
  if (now >= std::min(limits_.send_before, limits_.give_up_at)) {
    co_return unsent(ErrorCode::timeout, "no time left to send");
  }
  connection_->watch(limits_.give_up_at - now);
  const auto written = co_await connection_->write(wire);
  // A server may answer before it has read all and close: what it said is worth reading.
  nothing_sent_ = written.none;
  if (written.none) {
    connection_->calm();
    const auto code = connection_->timed_out() ? ErrorCode::timeout : ErrorCode::unavailable;
    co_return unsent(code, "the connection was closed before the request was sent");
  }
  const ClientConnection::ReadLimits limits{
      .header_bytes = state_->config.header_bytes, .body_bytes = limits_.body_bytes, .head = request_.method == "HEAD"};
  auto outcome = co_await connection_->read(limits);
  connection_->calm();
  if (written.whole && connection_->reusable()) state_->keep(place_, std::move(connection_));
  co_return outcome;
}

Result<Client> Client::create(ClientConfig config, Now now) {
  auto tls = TlsContext::client(config.ca_file);
  if (!tls) return fail(std::move(tls.error()));
  SSL_CTX_up_ref((*tls)->native());
  auto state = std::make_shared<State>(std::move(config), std::move(now), asio::ssl::context((*tls)->native()));
  if (!state->config.proxy.empty()) {
    const auto proxy = split_url(state->config.proxy);
    if (!proxy || proxy->tls || (!proxy->target.empty() && proxy->target != "/")) {
      return fail(ErrorCode::invalid_argument, "proxy is not http://host:port",
                  "use a plain HTTP proxy that speaks CONNECT");
    }
    state->proxy_host = proxy->host;
    state->proxy_port = proxy->port;
  }
  return Client(std::move(state));
}

Client::Client(std::shared_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

asio::awaitable<ClientOutcome> Client::perform(std::unique_ptr<Exchange> exchange) {
  const bool throwing = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  ClientOutcome outcome = co_await exchange->run();
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (!outcome && cancellation.cancelled() != asio::cancellation_type::none) {
    outcome.error().code = ErrorCode::cancelled;
    outcome.error().what = "cancelled";
  }
  co_await asio::this_coro::throw_if_cancelled(throwing);
  co_return outcome;
}

asio::awaitable<ClientOutcome> Client::exchange(ClientRequest request, ClientLimits limits) const {
  return perform(std::make_unique<Exchange>(state_, std::move(request), limits));
}

}  // namespace keyfob::http
