#pragma once
// Engine: the drivers put together: directory, grants, consent, refresher, broker, background work. Everything outside
// talks to this.

#include <expected>
#include <memory>

#include "base/result.hpp"
#include "engine/consent.hpp"
#include "engine/directory.hpp"
#include "engine/exporter.hpp"
#include "engine/grants.hpp"
#include "engine/import_flow.hpp"
#include "engine/reconciler.hpp"
#include "engine/resealer.hpp"
#include "engine/revoker.hpp"
#include "engine/webhook_inbox.hpp"
#include "ports/app_token_store.hpp"
#include "ports/associations.hpp"
#include "ports/attention_sink.hpp"
#include "ports/connection_list.hpp"
#include "ports/credential_source.hpp"
#include "ports/event_sink.hpp"
#include "ports/outbox.hpp"
#include "ports/spool.hpp"
#include "ports/token_endpoint.hpp"
#include "ports/token_source.hpp"

namespace keyfob::engine {

/// Durations of [refresh] and [cache]; the composition checks them against each profile's reuse window.
struct EngineConfig {
  Milliseconds min_validity = seconds(60);
  Milliseconds ahead = minutes(5);
  bool always_fresh = false;
  Milliseconds keep_alive = days(7);
  Milliseconds lease = seconds(15);
  Milliseconds timeout = seconds(10);
  Milliseconds recovery_interval = seconds(1);
  Milliseconds min_interval = seconds(30);
  unsigned max_rate = 50;        ///< background refreshes per second and application
  unsigned max_in_flight = 128;  ///< exchanges per application
  std::size_t cache_entries = 1'000'000;
  Milliseconds max_staleness = seconds(2);
  bool refuse_on_store_outage = false;
  Milliseconds consent_ttl = minutes(15);
  Milliseconds spool_for{0};     ///< how long a pair stays in the spool after its commit (spool = "always")
  std::size_t spool_keep = 192;  ///< and how many of them at most; what is beside them is for those that nobody has
  ResealLimits reseal{};
  std::string events_url{};  ///< empty: the backend is told nothing, and nothing is written for it
  Secret events_secret{};
};

/// For moving in and out; without them an import looks owners up one by one, and nothing is reconciled.
struct MovingPorts {
  OwnerLookup* owners = nullptr;
  AssociationStore* associations = nullptr;
  ConnectionList* connections = nullptr;
};

struct EnginePorts {
  GrantReader& reader;
  RefreshStore& refreshes;
  GrantWriter& writer;
  LatePairs& late_pairs;
  DueStore& due;
  HealthStore& health;
  ChangeFeed& changes;
  ApplicationStore& applications;
  CallerStore& callers;
  DataKeyStore& data_keys;
  ConsentStore& consents;
  TokenEndpoint& endpoint;
  ProviderApi& provider;
  Spool& spool;
  KeyProvider& master;
  Clock& clock;
  Random& random;
  EventSink& events;
  Metrics& metrics;
  KeyRotationPorts rotation{};
  OutboxStore* outbox = nullptr;
  HttpPost* post = nullptr;  ///< null: what is in the outbox stays there
  MovingPorts moving{};
  AppTokenStore* app_tokens = nullptr;  ///< null: every node fetches application tokens of its own
};

struct EngineStatus {
  std::size_t flights = 0;
  std::size_t spooled = 0;  ///< pairs in the spool that the store is not known to have
  std::size_t cached = 0;
  std::vector<AppId> suspended{};
};

/// Constructed and used on one executor (the engine's), except try_get and Directory::snapshot, which any thread may
/// call. get() and after_refusal() may be awaited from any executor.
class Engine final : public TokenSource {
 public:
  Engine(asio::any_io_executor executor, EnginePorts ports, EngineConfig config, NodeIdentity node,
         Directory::Profiles profiles);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// The directory alone: enough for a command that reads or changes things and ends, without background work.
  Task<Result<void>> load();
  /// Loads the directory, replays the spool, takes over the attempts of this node's dead incarnation, starts background
  /// work. No request may be served before it returns. A store that holds damaged records still starts.
  Task<Result<void>> start();
  /// Any thread: others changed something in the store.
  void look_for_changes();
  /// Background work ends, flights in progress are finished (at most `patience`).
  Task<void> stop(Milliseconds patience);

  [[nodiscard]] asio::any_io_executor executor() const;
  [[nodiscard]] Directory& directory();
  [[nodiscard]] Grants& grants();
  [[nodiscard]] ImportTurns& import_turns();
  [[nodiscard]] Consent& consent();
  [[nodiscard]] Resealer& resealer();
  [[nodiscard]] WebhookInbox& webhooks();
  /// What waits to be delivered. Empty where the store has no outbox.
  [[nodiscard]] Task<Result<std::vector<OutboxDepth>>> outbox();
  [[nodiscard]] Exporter& exporter();
  [[nodiscard]] Reconciler& reconciler();
  /// Any thread.
  [[nodiscard]] CredentialSource& credentials();
  [[nodiscard]] AttentionSink& attention();
  [[nodiscard]] EngineStatus status() const;

  bool try_get(const AppId& app, Subject subject, TokenSlot& out) noexcept override;
  Task<std::expected<GrantToken, TokenFailure>> get(AppId app, std::string user, std::string vehicle,
                                                    Milliseconds patience) override;
  Task<std::expected<GrantToken, TokenFailure>> after_refusal(GrantRef ref, GrantVersion refused, std::string vehicle,
                                                              Milliseconds patience) override;
  void refused_again(GrantRef ref, GrantVersion version, std::string vehicle) noexcept override;

  /// Always rotates, or joins a refresh in flight. Engine executor only, as the rest below.
  Task<std::expected<Grant, TokenFailure>> refresh(GrantRef ref, Milliseconds patience);
  /// At the provider first, then the tokens are forgotten; `local` only forgets. Idempotent.
  Task<Result<RevokeState>> revoke(GrantRef ref, bool local);

 private:
  void start_ahead(GrantRef wanted) noexcept;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace keyfob::engine
