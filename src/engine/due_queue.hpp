#pragma once
// DueQueue: grants whose time has come without a caller: keep-alive, always_fresh, suspects to confirm, needs_reauth to
// probe, revocations and identities to ask for again. What waits, waits in the store; only what may start now is
// claimed. Engine executor only.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/consent.hpp"
#include "engine/refresher.hpp"
#include "engine/revoker.hpp"

namespace keyfob::engine {

struct DueQueuePolicy {
  Milliseconds hold = seconds(60);         ///< a claimed grant is this node's so long, and looked at again after it
  std::size_t flights = 128;               ///< the queue starts none that would make more than these, callers' included
  Milliseconds report_every = seconds(5);  ///< how often the figures are taken
  std::size_t count_at_most = 10'000;      ///< due grants of one application are counted no further
  std::size_t review_batch = 500;          ///< grants a second whose plan is reviewed after the start
};

class DueQueue : public std::enable_shared_from_this<DueQueue> {
 public:
  struct Parts {
    Refresher& refresher;
    Revoker& revoker;
    Consent& consent;
    Directory& directory;
    DueStore& due;
  };
  DueQueue(Parts parts, DueQueuePolicy policy) : parts_(parts), context_(parts.refresher.context()), policy_(policy) {}

  /// Claims and starts what may start now. Cost: one look into an index for each application, and what is claimed.
  Task<void> serve();
  /// Sets the gauges of docs/reference/metrics.md, at most every `report_every`. An application's lag goes on growing
  /// while the store cannot be asked.
  Task<void> report();
  /// Once after the start: walks all grants, slowly, and brings forward what was planned by other settings than today's
  /// (mode, keep_alive, ahead). Ends by itself or with `stopping`.
  Task<void> review(const bool* stopping);

 private:
  using View = std::shared_ptr<const ApplicationView>;
  struct Waiting {
    std::string name;
    std::optional<WallTime> oldest_due{};
    std::optional<WallTime> renew_first{};
    std::size_t due = 0;
  };
  [[nodiscard]] std::vector<View> applications() const;
  Task<std::size_t> claim(std::vector<DueShare> shares);
  void start(GrantRecord record);
  void end_unconfirmed(GrantRecord record);
  void retry_revocation(GrantRef ref);
  void ask_whose(GrantRecord record);
  Task<void> look(View app);
  void publish(WallTime now);
  void publish(const Waiting& waiting, const AppId& app, WallTime now);
  Task<bool> bring_forward(const GrantRecord* record);

  Parts parts_;
  RefreshContext& context_;
  DueQueuePolicy policy_;
  std::size_t next_ = 0;  ///< the application that comes first in the next tick
  std::optional<BootTime> reported_at_{};
  std::unordered_map<AppId, Waiting> waiting_;
};

}  // namespace keyfob::engine
