#include "web/courier.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "crypto/hash.hpp"
#include "http/client.hpp"
#include "web/webhook_events.hpp"

namespace keyfob::sim {
namespace {

namespace asio = boost::asio;

BootTime steady_now() {
  return BootTime(std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now().time_since_epoch()));
}

/// "http://host:port" and "/path?query".
std::pair<std::string, std::string> split_url(const std::string& url) {
  const auto scheme = url.find("://");
  const auto path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (path == std::string::npos) return {url, "/"};
  return {url.substr(0, path), url.substr(path)};
}

http::ClientRequest request_for(const Delivery& delivery, const Webhook& webhook, WallTime now) {
  const std::string body = body_of(delivery, webhook, now);
  auto [origin, target] = split_url(webhook.url);
  http::ClientRequest request{.method = "POST", .origin = std::move(origin)};
  request.target = wiped_string(target);
  request.body = wiped_string(body);
  request.headers.emplace_back("Content-Type", wiped_string("application/json"));
  request.headers.emplace_back("User-Agent", wiped_string("Smartcar/" + webhook.version));
  const bool is_signed = delivery.event_type != "VERIFY" || webhook.signs_verify;
  const std::string key = delivery.forged ? "not " + webhook.key : webhook.key;
  if (is_signed) {
    request.headers.emplace_back("SC-Signature", wiped_string(crypto::hmac_sha256_hex(as_bytes(key), as_bytes(body))));
  }
  return request;
}

Attempt judge(const http::ClientOutcome& outcome) {
  if (!outcome) return {.problem = outcome.error().what};
  const bool good = outcome->status >= 200 && outcome->status < 300;
  return {.status = outcome->status, .problem = good ? "" : "not a 2xx", .delivered = good};
}

/// A VERIFY is delivered only by the right answer.
Attempt judge_verification(Webhook& webhook, const http::ClientOutcome& outcome) {
  Attempt attempt = judge(outcome);
  if (attempt.delivered && !proves_key(webhook, outcome->body)) {
    attempt = {.status = attempt.status, .problem = "the challenge was not answered with its HMAC"};
  }
  webhook.state = attempt.delivered ? Webhook::State::verified : Webhook::State::refused;
  webhook.problem = attempt.problem;
  return attempt;
}

}  // namespace

struct Courier::State {
  State(Sim& sim_in, const asio::any_io_executor& executor) : sim(&sim_in), timer(executor) {
    timer.expires_at(asio::steady_timer::time_point::max());
  }
  Sim* sim;  ///< null once the Courier is gone
  asio::steady_timer timer;
  std::optional<http::Client> client;  ///< made when it is needed: reading the system's certificates takes a while

  bool ready() {
    if (client) return true;
    auto made = http::Client::create({}, steady_now);
    if (made) client = std::move(*made);
    return client.has_value();
  }
};

Courier::Courier(Sim& sim, asio::any_io_executor executor) : state_(std::make_shared<State>(sim, executor)) {
  sim.changed = [state = std::weak_ptr(state_)] {
    if (const auto alive = state.lock()) alive->timer.cancel();
  };
  asio::co_spawn(executor, deliver_what_is_due(state_), asio::detached);
}

Courier::~Courier() {
  state_->sim->changed = nullptr;
  state_->sim = nullptr;
  state_->client.reset();
  state_->timer.cancel();
}

asio::awaitable<void> Courier::deliver_what_is_due(std::shared_ptr<State> state) {
  constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
  while (state->sim != nullptr) {
    Sim& sim = *state->sim;
    const WallTime now = sim.clock.now();
    for (Delivery& delivery : sim.world->webhooks.take_due(now)) {
      asio::co_spawn(state->timer.get_executor(), deliver(state, std::move(delivery)), asio::detached);
    }
    const auto next = sim.world->webhooks.next_due();
    const bool passes_by_itself = next && !sim.clock.manual();
    const auto pause = passes_by_itself ? std::max(*next - now, Milliseconds(1)) : Milliseconds(hours(1));
    state->timer.expires_after(pause);
    const auto [cancelled] = co_await state->timer.async_wait(kTuple);
    static_cast<void>(cancelled);
  }
}

asio::awaitable<void> Courier::deliver(std::shared_ptr<State> state, Delivery delivery) {
  Sim* sim = state->sim;
  Webhook* webhook = sim == nullptr ? nullptr : sim->world->webhooks.find(delivery.webhook);
  if (webhook == nullptr || !state->ready()) co_return;
  const std::uint64_t life = sim->life;
  http::ClientRequest request = request_for(delivery, *webhook, sim->clock.now());
  const BootTime until = steady_now() + sim->world->settings().webhook_timeout;
  http::ClientLimits limits{.send_before = until, .give_up_at = until};
  const http::ClientOutcome outcome = co_await state->client->exchange(std::move(request), limits);
  if (state->sim == nullptr || state->sim->life != life) co_return;
  webhook = sim->world->webhooks.find(delivery.webhook);
  const bool verifies = delivery.event_type == "VERIFY" && webhook != nullptr;
  const Attempt attempt = verifies ? judge_verification(*webhook, outcome) : judge(outcome);
  sim->world->webhooks.settle(delivery.number, attempt, sim->clock.now());
  if (verifies) tell_changes(*sim->world, sim->clock.now());
  state->timer.cancel();
}

}  // namespace keyfob::sim
