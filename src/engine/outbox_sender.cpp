#include "engine/outbox_sender.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>

#include "crypto/hash.hpp"

namespace keyfob::engine {
namespace {

constexpr std::size_t kBatch = 16;
constexpr Milliseconds kTimeout = seconds(10);
constexpr Milliseconds kHold = seconds(20);  // longer than a batch takes, with its settling; what a crash costs
constexpr Milliseconds kLook = seconds(1);
constexpr Milliseconds kBetweenTries = Milliseconds(500);
constexpr int kSettleTries = 10;
constexpr Backoff kRetry{seconds(2), minutes(5), Milliseconds(200)};
constexpr Backoff kSilence{seconds(1), seconds(30), Milliseconds(200)};

bool delivered(const Result<int>& answer) { return answer && *answer >= 200 && *answer < 300; }

}  // namespace

OutboxSender::OutboxSender(Ports ports, Events events)
    : ports_(std::move(ports)), events_(std::move(events)), wakeup_(ports_.executor), landed_(ports_.executor) {}

std::uint32_t OutboxSender::die() const {
  std::array<std::uint8_t, 4> bytes{};
  ports_.random.fill(bytes);
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

void OutboxSender::launch() {
  auto body = [self = shared_from_this()]() -> Task<void> { co_await self->run(); };
  asio::co_spawn(ports_.executor, std::move(body), asio::detached);
}

void OutboxSender::look_now() {
  woken_ = true;
  wakeup_.notify();
}

void OutboxSender::stop() {
  stopping_ = true;
  wakeup_.notify();
}

Task<void> OutboxSender::run() {
  std::function<bool()> ready = [this] { return woken_ || stopping_; };
  while (!stopping_) {
    woken_ = false;
    co_await round();
    co_await wakeup_.wait(ready, ports_.clock, kLook);
  }
}

/// Each destination has a coroutine of its own while something waits for it.
Task<void> OutboxSender::round() {
  const auto depths = co_await ports_.store.outbox_depths();
  if (!depths) co_return;
  publish(*depths);
  for (const OutboxDepth& depth : *depths) {
    const auto rest = rest_.find(depth.destination);
    if (rest != rest_.end() && ports_.clock.boot() < rest->second) continue;
    if (!serving_.insert(depth.destination).second) continue;
    auto body = [self = shared_from_this(), destination = depth.destination]() -> Task<void> {
      std::string where = destination;
      co_await self->serve(std::move(where));
      self->serving_.erase(destination);
    };
    asio::co_spawn(ports_.executor, std::move(body), asio::detached);
  }
}

Task<void> OutboxSender::serve(std::string destination) {
  while (!stopping_) {
    auto target = target_of(destination);
    if (!target) co_return;
    std::string whose = destination;
    auto rows = co_await ports_.store.claim_outbox(std::move(whose), kBatch, kHold);
    if (!rows || rows->empty()) co_return;
    std::string where = destination;
    const bool answered = co_await deliver(std::move(where), std::move(*target), std::move(*rows));
    if (answered) {
      silent_.erase(destination);
      continue;
    }
    rest_[destination] = ports_.clock.boot() + full_jitter(kSilence, ++silent_[destination], die());
    co_return;
  }
}

/// False: nobody was there.
Task<bool> OutboxSender::deliver(std::string destination, Target target, std::vector<ClaimedRow> rows) {
  const auto batch = std::make_shared<Batch>();
  batch->left = rows.size();
  for (ClaimedRow& row : rows) {
    auto body = [self = shared_from_this(), batch, target, row = std::move(row)]() -> Task<void> {
      std::shared_ptr<Batch> whole = batch;
      Target where = target;
      ClaimedRow one = row;
      co_await self->deliver_one(std::move(whole), std::move(where), std::move(one));
    };
    asio::co_spawn(ports_.executor, std::move(body), asio::detached);
  }
  std::function<bool()> ready = [batch] { return batch->left == 0; };
  while (batch->left > 0) co_await landed_.wait(ready, ports_.clock, kTimeout);
  note(destination, *batch);
  // What cannot be settled is delivered once more when its hold ends.
  for (int tries = 0; tries < kSettleTries; ++tries) {
    std::vector<Settled> settled = batch->settled;
    const Result<void> done = co_await ports_.store.settle_outbox(std::move(settled));
    if (done || stopping_) break;
    co_await ports_.clock.sleep(kBetweenTries);
  }
  co_return batch->answered;
}

Task<void> OutboxSender::deliver_one(std::shared_ptr<Batch> batch, Target target, ClaimedRow row) {
  PostRequest request = request_for(target, row.row);
  const Result<int> answer = co_await ports_.post.post(std::move(request), kTimeout);
  batch->answered = batch->answered && answer.has_value();
  batch->settled.push_back(judge(row, answer, batch->trouble));
  const char* what = delivered(answer) ? "delivered" : (answer ? "refused" : "unanswered");
  ports_.metrics.count("outbox_deliveries", what);
  --batch->left;
  landed_.notify();
}

Settled OutboxSender::judge(const ClaimedRow& row, const Result<int>& answer, std::string& trouble) const {
  if (delivered(answer)) return {row.position, std::nullopt};
  trouble = answer ? "HTTP " + std::to_string(*answer) : answer.error().what;
  if (ports_.clock.wall() - row.row.at > kGiveUpAfter) {
    ports_.metrics.count("outbox_given_up");
    ports_.events.emit({.name = "outbox.given_up",
                        .app = row.row.app,
                        .detail = row.row.name + " " + row.row.id,
                        .at = ports_.clock.wall()});
    return {row.position, std::nullopt};
  }
  return {row.position, full_jitter(kRetry, row.attempts, die())};
}

/// Once when it begins and once when it ends: the log is no place for every try.
void OutboxSender::note(const std::string& destination, const Batch& batch) {
  const AppId app(destination == kEventsDestination ? std::string() : destination);
  const WallTime now = ports_.clock.wall();
  if (!batch.trouble.empty() && stuck_.insert(destination).second) {
    ports_.events.emit({.name = "outbox.stuck", .app = app, .detail = batch.trouble, .at = now});
  }
  if (batch.trouble.empty() && stuck_.erase(destination) > 0) {
    ports_.events.emit({.name = "outbox.moving", .app = app, .at = now});
  }
}

std::optional<OutboxSender::Target> OutboxSender::target_of(const std::string& destination) const {
  if (destination == kEventsDestination) {
    if (events_.url.empty()) return std::nullopt;
    return Target{events_.url, events_.secret, false};
  }
  const auto app = ports_.directory.snapshot()->find(AppId(destination));
  if (!app || app->app().webhook_url.empty()) return std::nullopt;
  auto key = ports_.directory.webhook_secret(*app);
  if (!key) return std::nullopt;
  return Target{app->app().webhook_url, std::move(*key), true};
}

/// A webhook looks as it came, but for the key: the provider's own libraries verify it with the application's secret.
PostRequest OutboxSender::request_for(const Target& target, const OutboxRow& row) const {
  PostRequest request;
  request.url = target.url;
  request.body = row.body;
  const std::string signature = crypto::hmac_sha256_hex(as_bytes(reveal_secret(target.key)), as_bytes(row.body));
  request.headers = {{"Content-Type", "application/json"},
                     {"User-Agent", "Keyfob"},
                     {"Keyfob-Event", row.name},
                     {"Keyfob-Event-Id", row.id},
                     {"Keyfob-Signature", signature}};
  if (target.webhook) request.headers.emplace_back("SC-Signature", signature);
  return request;
}

void OutboxSender::publish(const std::vector<OutboxDepth>& depths) {
  double rows = 0;
  double oldest = 0;
  for (const OutboxDepth& depth : depths) {
    rows += static_cast<double>(depth.rows);
    oldest = std::max(oldest, static_cast<double>((ports_.clock.wall() - depth.oldest).count()) / 1000.0);
  }
  ports_.metrics.gauge("outbox_depth", rows);
  ports_.metrics.gauge("outbox_oldest_seconds", oldest);
}

}  // namespace keyfob::engine
