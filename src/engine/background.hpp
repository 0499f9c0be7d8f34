#pragma once
// Background: what goes on without a caller: recovery of attempts, replay of the spool, due grants, probes of suspended
// applications, and noticing what others changed in the store. Engine executor only.

#include "engine/broker.hpp"
#include "engine/consent.hpp"
#include "engine/due_queue.hpp"
#include "engine/revoker.hpp"
#include "engine/wakeup.hpp"

namespace keyfob::engine {

struct BackgroundPolicy {
  Milliseconds recovery_interval = seconds(1);
  Milliseconds max_staleness = seconds(2);
  std::size_t batch = 512;  ///< abandoned attempts looked at per tick
  DueQueuePolicy due{};
};

class Background : public std::enable_shared_from_this<Background> {
 public:
  struct Parts {
    Refresher& refresher;
    Broker& broker;
    Revoker& revoker;
    Consent& consent;
    Directory& directory;
    DueStore& due;
    ChangeFeed& changes;
  };
  Background(Parts parts, BackgroundPolicy policy)
      : parts_(parts),
        context_(parts.refresher.context()),
        policy_(policy),
        news_(context_.executor),
        due_(std::make_shared<DueQueue>(
            DueQueue::Parts{parts.refresher, parts.revoker, parts.consent, parts.directory, parts.due}, policy.due)) {}

  /// One round of everything, before the first request is served. An outage of the store is an error; damaged records
  /// are not.
  Task<Result<void>> first_round();
  /// Starts the loops; they end soon after stop().
  void launch();
  void stop() { stopping_ = true; }
  /// The store says that others changed something.
  void look_now();

 private:
  Task<void> tick_loop();
  Task<void> change_loop();
  Task<Result<void>> look_for_changes();
  Task<Result<void>> recover();
  Task<void> replay_spool();
  Task<void> settle_spooled(SpooledPair spooled);
  Task<void> probe_suspended();
  Task<Result<GrantRecord>> another_probe(AppId app);
  [[nodiscard]] bool recover_now(const Grant& grant, const ApplicationView& app) const;
  [[nodiscard]] bool recover_late(const Grant& grant, const ApplicationView& app) const;

  Parts parts_;
  RefreshContext& context_;
  BackgroundPolicy policy_;
  std::string cursor_;
  Wakeup news_;
  bool has_news_ = false;
  std::shared_ptr<DueQueue> due_;
  bool directory_stale_ = false;  ///< others changed it, and it could not be read since
  bool stopping_ = false;
};

}  // namespace keyfob::engine
