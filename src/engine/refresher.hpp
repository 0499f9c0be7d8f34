#pragma once
// Refresher: single-flight refreshes. At most one flight per grant in this process; everybody else joins it. Engine
// executor only.

#include <memory>
#include <string>
#include <unordered_map>

#include "core/backoff.hpp"
#include "core/due_plan.hpp"
#include "engine/announcer.hpp"
#include "engine/application_gate.hpp"
#include "engine/directory.hpp"
#include "engine/sealer.hpp"
#include "engine/spool_retention.hpp"
#include "engine/token_cache.hpp"
#include "ports/event_sink.hpp"
#include "ports/grant_store.hpp"
#include "ports/spool.hpp"
#include "ports/token_endpoint.hpp"

namespace keyfob::engine {

class Flight;

/// For metrics: a closed set.
[[nodiscard]] std::string_view outcome_name(RefreshOutcome outcome);

/// How a flight ended, for its callers.
struct FlightResult {
  RefreshOutcome outcome = RefreshOutcome::unavailable;
  bool damaged = false;                 ///< the record does not verify; it was left as it is
  std::optional<GrantRecord> record{};  ///< refreshed, held, refused: what holds now; moved: look it up
  Milliseconds retry_after{};
  std::string detail{};  ///< redacted
};

struct RefreshPolicy {
  RefreshTiming timing{};  ///< timeout and lease; window and late reuse are the profile's
  Milliseconds recovery_interval = seconds(1);
  DuePolicy due{};
  Milliseconds spool_for{};  ///< how long a pair stays in the spool after its commit; 0: not at all
  std::size_t spool_keep{};  ///< how many of those at most
  GateLimits gate{};         ///< max_in_flight is what is wanted: an application's reuse window may allow less

  [[nodiscard]] RefreshTiming timing_for(const ProviderProfile& profile) const;
};

/// Everything a flight works with. One object, made by the engine.
struct RefreshContext {
  asio::any_io_executor executor;
  GrantReader& reader;
  RefreshStore& store;
  LatePairs& late_pairs;
  HealthStore& health;
  TokenEndpoint& endpoint;
  ProviderApi& provider;
  Spool& spool;
  Clock& clock;
  Random& random;
  EventSink& events;
  Metrics& metrics;
  Directory& directory;
  Sealer& sealer;
  TokenCache& cache;
  NodeIdentity node;
  RefreshPolicy policy;
  Announcer& announcer;

  [[nodiscard]] std::uint32_t die() const;
  /// To logs, metrics and the audit trail. What the backend is told was written with the change.
  void emit(std::string name, const Grant& grant, std::string detail = {}) const;
};

class Refresher {
 public:
  explicit Refresher(RefreshContext context) : context_(std::move(context)), retention_(context_.policy.spool_for) {}

  /// Joins the flight of this grant or starts one for `record`, then waits at most `patience`. Empty: the patience
  /// ended, the flight goes on.
  Task<std::optional<FlightResult>> refresh(GrantRecord record, Purpose purpose, Milliseconds patience);
  /// Starts or joins without waiting.
  void start(GrantRecord record, Purpose purpose);

  /// The record with the pair that this node holds for it, if the store does not have that yet.
  [[nodiscard]] GrantRecord overlaid(GrantRecord record) const;
  /// The spooled pair that was made to follow the very one of this record.
  [[nodiscard]] const SpooledPair* successor(const GrantRecord& record) const;
  /// Spooled pairs of this grant and epoch.
  [[nodiscard]] std::vector<SpooledPair> held_of(const GrantRef& ref, Epoch epoch) const;
  /// Reads the spool: at start, and whenever a slot was written or released.
  void reload_held();
  /// Pairs in the spool that the store is not known to have.
  [[nodiscard]] std::size_t unstored() const;
  [[nodiscard]] SpoolRetention& retention() { return retention_; }
  /// Frees the slot, if it still holds this very pair: while somebody waited, another may have settled it, and the slot
  /// may have been given to a third.
  Task<void> release_spooled(SpooledPair settled);
  /// The place of the pair that the store took longest ago. False: every pair here is one that the store lacks.
  Task<bool> make_room();
  /// No more pairs that the store has than may stay.
  Task<void> thin_out();

  [[nodiscard]] ApplicationGate& gate(const AppId& app);
  /// Another node has changed the grant.
  void changed_elsewhere(const GrantRef& ref);
  [[nodiscard]] bool in_flight(const GrantRef& ref) const { return flights_.contains(ref.grant); }
  [[nodiscard]] std::size_t flights() const { return flights_.size() + lingering_; }
  [[nodiscard]] std::vector<AppId> suspended() const;
  /// Suspended applications whose probe is due, by the grant to ask with.
  [[nodiscard]] std::vector<GrantRef> due_probes();
  /// By this grant its suspended application is asked again.
  void remember_probe(GrantRef ref) { probes_[ref.app] = ref; }
  /// Flights that only wait for answers that may still come are not waited for.
  [[nodiscard]] bool idle() const { return flights_.empty(); }
  [[nodiscard]] RefreshContext& context() { return context_; }
  /// Grants whose background refresh failed lately.
  [[nodiscard]] RetryTable& retries() { return retries_; }

 private:
  friend class Flight;
  struct Started {
    std::shared_ptr<Flight> flight;  ///< null: not admitted
    ApplicationGate::Refusal refusal{RefreshOutcome::unavailable, {}};
  };
  Started ensure(GrantRecord record, Purpose purpose);
  void landed(const Flight& flight);
  /// Too many refusals at once: marks made in this burst are taken back when refreshes succeed again.
  void burst(const AppId& app, WallTime now);
  void succeeded(const GrantRef& ref);

  RefreshContext context_;
  std::unordered_map<GrantId, std::shared_ptr<Flight>> flights_;
  std::unordered_map<AppId, std::unique_ptr<ApplicationGate>> gates_;
  std::unordered_map<GrantId, std::vector<SpooledPair>> held_;
  std::unordered_map<AppId, GrantRef> probes_;  ///< the grant by which a suspended application is asked again
  std::unordered_map<AppId, WallTime> bursts_;  ///< when the present burst of refusals began
  RetryTable retries_;
  SpoolRetention retention_;
  std::size_t lingering_ = 0;
};

}  // namespace keyfob::engine
