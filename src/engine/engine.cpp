#include "engine/engine.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "engine/announcer.hpp"
#include "engine/attention.hpp"
#include "engine/background.hpp"
#include "engine/broker.hpp"
#include "engine/credentials.hpp"
#include "engine/key_aware_store.hpp"
#include "engine/outbox_sender.hpp"

namespace keyfob::engine {
namespace {

DuePolicy due_policy(const EngineConfig& config) { return {config.always_fresh, config.keep_alive, config.ahead}; }

RefreshPolicy refresh_policy(const EngineConfig& config) {
  RefreshPolicy policy;
  policy.timing.timeout = config.timeout;
  policy.timing.lease = config.lease;
  policy.due = due_policy(config);
  policy.recovery_interval = config.recovery_interval;
  policy.spool_for = config.spool_for;
  policy.spool_keep = config.spool_keep;
  policy.gate = {config.max_in_flight, config.max_in_flight, config.max_rate};
  return policy;
}

BrokerPolicy broker_policy(const EngineConfig& config) {
  BrokerPolicy policy;
  policy.serving = {config.min_validity, config.ahead};
  policy.min_interval = config.min_interval;
  policy.max_staleness = config.max_staleness;
  policy.refuse_on_store_outage = config.refuse_on_store_outage;
  return policy;
}

BackgroundPolicy background_policy(const EngineConfig& config) {
  BackgroundPolicy policy;
  policy.recovery_interval = config.recovery_interval;
  policy.max_staleness = config.max_staleness;
  return policy;
}

/// Runs `task` on the engine's executor and comes back to the awaiting one. The caller's cancellation stops nothing.
template <class T>
Task<T> on_engine(asio::any_io_executor executor, Task<T> task) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  T result = co_await asio::co_spawn(executor, std::move(task), asio::use_awaitable);
  co_return result;
}

Secret fresh_key(Random& random) {
  std::array<std::uint8_t, vault::KeptTokens::kKeySize> raw{};
  random.fill(raw);
  Secret key(as_text(raw));
  wipe(raw.data(), raw.size());
  return key;
}

std::shared_ptr<OutboxSender> make_sender(const asio::any_io_executor& executor, const EnginePorts& ports,
                                          const EngineConfig& config, const Directory& directory) {
  if (ports.outbox == nullptr || ports.post == nullptr) return nullptr;
  return std::make_shared<OutboxSender>(OutboxSender::Ports{executor, *ports.outbox, *ports.post, ports.clock,
                                                            ports.random, ports.events, ports.metrics, directory},
                                        OutboxSender::Events{config.events_url, config.events_secret});
}

}  // namespace

struct Engine::Parts {
  Parts(asio::any_io_executor ex, const EnginePorts& ports, const EngineConfig& config, const NodeIdentity& node,
        Directory::Profiles profiles)
      : executor(ex),
        clock(ports.clock),
        directory({ports.applications, ports.callers, ports.data_keys, ports.master, ports.clock, ports.random,
                   ports.rotation, node.id, &ports.spool},
                  std::move(profiles)),
        store({ports.reader, ports.refreshes, ports.late_pairs, ports.moving.owners}, directory),
        sealer(directory, ports.random),
        kept(fresh_key(ports.random)),
        cache(config.cache_entries, sealer, kept),
        announcer(std::make_shared<Announcer>(Announcer::Ports{ex, config.events_url.empty() ? nullptr : ports.outbox,
                                                               ports.clock, ports.random, directory})),
        grants({store, ports.writer, ports.clock, ports.random, directory, cache, *announcer, store},
               due_policy(config)),
        import_turns(ex),
        consent({ports.consents, ports.endpoint, ports.provider, ports.clock, ports.random, directory, grants, store,
                 store, node},
                config.consent_ttl, config.timeout),
        refresher({ex, store, store, store, ports.health, ports.endpoint, ports.provider, ports.spool, ports.clock,
                   ports.random, ports.events, ports.metrics, directory, sealer, cache, node, refresh_policy(config),
                   *announcer}),
        broker(refresher, broker_policy(config)),
        revoker({refresher, credentials, ports.moving.connections}),
        attention(refresher.context()),
        credentials({ex, ports.endpoint, ports.clock, ports.random, directory, ports.app_tokens},
                    {config.timeout, config.min_interval}),
        background(std::make_shared<Background>(
            Background::Parts{refresher, broker, revoker, consent, directory, ports.due, ports.changes},
            background_policy(config))),
        exporter(refresher),
        reconciler({refresher, broker, revoker, credentials, ports.moving.associations, ports.moving.connections}),
        resealer(std::make_shared<Resealer>(
            Resealer::Ports{store, ports.rotation.reseal, ports.clock, ports.metrics, directory, sealer},
            config.reseal)),
        outbox(ports.outbox),
        webhooks({store, store, ports.outbox, ports.clock, ports.metrics, directory, *announcer}),
        sender(make_sender(ex, ports, config, directory)) {}

  asio::any_io_executor executor;
  Clock& clock;
  Directory directory;
  KeyAwareStore store;
  Sealer sealer;
  vault::KeptTokens kept;
  TokenCache cache;
  std::shared_ptr<Announcer> announcer;
  Grants grants;
  ImportTurns import_turns;
  Consent consent;
  Refresher refresher;
  Broker broker;
  Revoker revoker;
  AttentionNotes attention;
  Credentials credentials;
  std::shared_ptr<Background> background;
  Exporter exporter;
  Reconciler reconciler;
  std::shared_ptr<Resealer> resealer;
  OutboxStore* outbox;
  WebhookInbox webhooks;
  std::shared_ptr<OutboxSender> sender;  ///< null: nothing can leave
};

Engine::Engine(asio::any_io_executor executor, EnginePorts ports, EngineConfig config, NodeIdentity node,
               Directory::Profiles profiles)
    : parts_(std::make_unique<Parts>(executor, ports, config, node, std::move(profiles))) {}

Engine::~Engine() = default;

Task<Result<void>> Engine::load() {
  Result<void> loaded = co_await parts_->directory.load();
  co_return loaded;
}

Task<Result<void>> Engine::start() {
  Result<void> loaded = co_await load();
  if (!loaded) co_return loaded;
  Result<void> ready = co_await parts_->background->first_round();
  if (!ready) co_return ready;
  parts_->background->launch();
  parts_->resealer->launch(parts_->executor);
  if (parts_->sender) {
    parts_->sender->launch();
    parts_->announcer->on_news([sender = std::weak_ptr(parts_->sender)] {
      if (const auto alive = sender.lock()) alive->look_now();
    });
  }
  co_return Result<void>();
}

void Engine::look_for_changes() {
  asio::post(parts_->executor, [background = parts_->background] { background->look_now(); });
}

Task<void> Engine::stop(Milliseconds patience) {
  parts_->background->stop();
  parts_->resealer->stop();
  if (parts_->sender) parts_->sender->stop();
  const BootTime until = parts_->clock.boot() + patience;
  while (!parts_->refresher.idle() && parts_->clock.boot() < until) {
    co_await parts_->clock.sleep(Milliseconds(20));
  }
}

asio::any_io_executor Engine::executor() const { return parts_->executor; }
Directory& Engine::directory() { return parts_->directory; }
Grants& Engine::grants() { return parts_->grants; }
ImportTurns& Engine::import_turns() { return parts_->import_turns; }
Consent& Engine::consent() { return parts_->consent; }
Resealer& Engine::resealer() { return *parts_->resealer; }
WebhookInbox& Engine::webhooks() { return parts_->webhooks; }

Task<Result<std::vector<OutboxDepth>>> Engine::outbox() {
  if (parts_->outbox == nullptr) co_return std::vector<OutboxDepth>();
  auto depths = co_await parts_->outbox->outbox_depths();
  co_return depths;
}

Exporter& Engine::exporter() { return parts_->exporter; }
Reconciler& Engine::reconciler() { return parts_->reconciler; }

CredentialSource& Engine::credentials() { return parts_->credentials; }
AttentionSink& Engine::attention() { return parts_->attention; }

EngineStatus Engine::status() const {
  EngineStatus status;
  status.flights = parts_->refresher.flights();
  status.spooled = parts_->refresher.unstored();
  status.cached = parts_->cache.size();
  status.suspended = parts_->refresher.suspended();
  return status;
}

bool Engine::try_get(const AppId& app, Subject subject, TokenSlot& out) noexcept {
  CachedGrantPtr wants_refresh;
  const bool got = parts_->broker.try_get(app, subject, out, wants_refresh);
  parts_->refresher.context().metrics.count("cache_lookups", got ? "hit" : "miss");
  if (wants_refresh) start_ahead({AppId(wants_refresh->app()), GrantId(wants_refresh->grant())});
  return got;
}

/// Without memory for it there is no refresh ahead; the look-up past min_validity asks again.
void Engine::start_ahead(GrantRef wanted) noexcept {
  try {
    auto ahead = [parts = parts_.get(), ref = std::move(wanted)]() -> Task<void> {
      co_await parts->broker.refresh_ahead(ref);
    };
    asio::co_spawn(parts_->executor, std::move(ahead), asio::detached);
  } catch (const std::bad_alloc&) {
    return;
  }
}

Task<std::expected<GrantToken, TokenFailure>> Engine::get(AppId app, std::string user, std::string vehicle,
                                                          Milliseconds patience) {
  return on_engine(parts_->executor, parts_->broker.get(std::move(app), std::move(user), std::move(vehicle), patience));
}

Task<std::expected<GrantToken, TokenFailure>> Engine::after_refusal(GrantRef ref, GrantVersion refused,
                                                                    std::string vehicle, Milliseconds patience) {
  return on_engine(parts_->executor,
                   parts_->broker.after_refusal(std::move(ref), refused, std::move(vehicle), patience));
}

/// Without memory for it the vehicle is not put off this time.
void Engine::refused_again(GrantRef ref, GrantVersion version, std::string vehicle) noexcept {
  try {
    asio::post(parts_->executor, [parts = parts_.get(), ref = std::move(ref), version, vehicle = std::move(vehicle)] {
      parts->broker.refused_again(ref, version, vehicle);
    });
  } catch (...) {
    return;
  }
}

Task<std::expected<Grant, TokenFailure>> Engine::refresh(GrantRef ref, Milliseconds patience) {
  return parts_->broker.refresh(std::move(ref), patience);
}

Task<Result<RevokeState>> Engine::revoke(GrantRef ref, bool local) {
  return parts_->revoker.revoke(std::move(ref), local);
}

}  // namespace keyfob::engine
