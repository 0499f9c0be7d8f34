#pragma once
// Broker: from "this user's vehicle" to a current access token: look-up, serving decision, waiting for a refresh.
// Engine executor only, except try_get.

#include <expected>

#include "core/freshness.hpp"
#include "core/refusal.hpp"
#include "engine/refresher.hpp"
#include "engine/refused_vehicles.hpp"
#include "ports/token_source.hpp"

namespace keyfob::engine {

struct BrokerPolicy {
  ServingPolicy serving{};
  Milliseconds min_interval = seconds(30);
  Milliseconds max_staleness = seconds(2);
  bool refuse_on_store_outage = false;
  Milliseconds brief = seconds(2);  ///< how long a caller with a not yet expired token waits for a better one
};

class Broker {
 public:
  template <class T>
  using Answer = std::expected<T, TokenFailure>;

  Broker(Refresher& refresher, BrokerPolicy policy)
      : refresher_(refresher), context_(refresher.context()), policy_(policy), refused_vehicles_(policy.min_interval) {}

  /// Any thread. See TokenSource::try_get. `wants_refresh` names a grant whose background refresh should be started.
  [[nodiscard]] bool try_get(const AppId& app, Subject subject, TokenSlot& out,
                             CachedGrantPtr& wants_refresh) const noexcept;

  Task<Answer<GrantToken>> get(AppId app, std::string user, std::string vehicle, Milliseconds patience);
  Task<Answer<GrantToken>> after_refusal(GrantRef ref, GrantVersion refused, std::string vehicle,
                                         Milliseconds patience);
  void refused_again(const GrantRef& ref, GrantVersion version, const std::string& vehicle) {
    refused_vehicles_.refused_again(ref, vehicle, version, context_.clock.boot());
  }
  Task<Answer<Grant>> refresh(GrantRef ref, Milliseconds patience);
  /// Starts a background refresh if the grant still wants one.
  Task<void> refresh_ahead(GrantRef ref);

  /// The store was seen at `at`: what is cached may be handed out until `at` + max_staleness.
  void checked(BootTime at) {
    valid_until_.store((at + policy_.max_staleness).time_since_epoch().count());
    outage_.store(false);
  }
  /// The store could not be asked.
  void outage() { outage_.store(true); }
  [[nodiscard]] static TokenFailure failure(const Grant& grant, TokenProblem problem, std::string detail = {},
                                            Milliseconds retry_after = {});

 private:
  Task<Answer<GrantRecord>> resolve(AppId app, std::string user, std::string vehicle);
  Task<Answer<GrantRecord>> load(GrantRef ref);
  Task<Answer<GrantToken>> serve(GrantRecord stored, Milliseconds patience);
  Task<Answer<GrantRecord>> refreshed(GrantRecord stored, Purpose purpose, Milliseconds patience);
  Task<Answer<GrantRecord>> one_flight(GrantRecord stored, Purpose purpose, Milliseconds patience);
  Answer<GrantToken> from_memory(const AppId& app, Subject subject) const;
  Answer<GrantToken> open(const GrantRecord& record, bool refreshed) const;
  [[nodiscard]] Answer<GrantRecord> choose(std::vector<GrantRecord> found, bool by_vehicle) const;
  template <class T>
  Task<Result<T>> soon(Task<Result<T>> asked);
  [[nodiscard]] TokenFailure store_failure(const Error& error) const;
  [[nodiscard]] TokenFailure flight_failure(const Grant& grant, const FlightResult& result) const;
  [[nodiscard]] bool fresh_enough() const;
  [[nodiscard]] bool usable(const Grant& grant) const;

  Refresher& refresher_;
  RefreshContext& context_;
  BrokerPolicy policy_;
  RefusedVehicles refused_vehicles_;
  std::atomic<bool> outage_ = false;
  std::atomic<std::int64_t> valid_until_ = 0;  ///< boot time in milliseconds
};

}  // namespace keyfob::engine
