#pragma once
// Trail: the audit log of one node. Entries are chained in the order in which they were recorded and appended to the
// store in batches; counts are added at the end of each minute, after all entries that wait.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "audit/chain.hpp"
#include "audit/tally.hpp"
#include "ports/audit.hpp"
#include "ports/clock.hpp"
#include "ports/event_sink.hpp"

namespace keyfob::audit {

struct TrailOptions {
  /// True: what waits for durability goes on when the store cannot be reached; the entries are kept and written later.
  bool proceed_on_outage = true;
  std::size_t most_queued = 200'000;  ///< entries; beyond, they are counted and "audit.lost" is written in their place
  Milliseconds retention{};           ///< 0: for ever
  /// Where counts outlive a killed process; null: they do not. What is left over in it start() writes first.
  std::unique_ptr<CountsFile> counts{};
  Metrics* metrics = nullptr;  ///< outlives the trail; null: nobody wants to know
  /// After each batch, on the executor: the head that is durable now.
  std::function<void(const AuditHead&)> on_durable{};
};

/// Members of AuditLog: any thread. start(), stop(): the executor, which must outlive this and run nothing else of it
/// once it is destroyed.
class Trail final : public AuditLog {
 public:
  Trail(asio::any_io_executor executor, AuditStore& store, Clock& clock, ChainKey key, NodeId node,
        TrailOptions options);
  ~Trail() override;

  /// Continues the node's chain. `kept`: the head that this machine kept; when the store's chain does not reach it, the
  /// chain was cut or the store is an older copy, and an entry "audit.cut" says so.
  Task<Result<void>> start(std::optional<AuditHead> kept);
  /// Writes the counts so far and everything that is queued; gives up after `patience`.
  Task<Result<void>> stop(Milliseconds patience);

  void record(AuditEntry entry) override;
  Task<Result<void>> settled() override;
  void count_use(TokenUse use) noexcept override;
  void count_refusal(const Refusal& refusal) override;
  bool count_disclosure(TokenUse use) noexcept override;
  Task<Result<void>> record_disclosure(AuditEntry entry) override;
  Task<Result<void>> write_counts() override;

 private:
  struct State;
  static Task<void> pump(std::shared_ptr<State> state);
  static Task<void> tick(std::shared_ptr<State> state);
  static Task<void> watch(std::shared_ptr<State> state);
  static Task<void> prune(std::shared_ptr<State> state);
  static Task<Result<void>> written(std::shared_ptr<State> state, bool counts);
  std::shared_ptr<State> state_;
};

}  // namespace keyfob::audit
