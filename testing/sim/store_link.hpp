#pragma once
// StoreLink: one node's way to the shared store. Requests and answers travel, get lost, are refused; what has left a
// node arrives even when that node dies meanwhile.

#include "ports/directory_store.hpp"
#include "ports/grant_store.hpp"
#include "testing/sim/reply.hpp"
#include "testing/sim/stage.hpp"

namespace keyfob::simulated {

class StoreLink final : public GrantReader,
                        public RefreshStore,
                        public GrantWriter,
                        public LatePairs,
                        public DueStore,
                        public HealthStore,
                        public ChangeFeed,
                        public ApplicationStore,
                        public CallerStore,
                        public DataKeyStore,
                        public ConsentStore {
 public:
  /// `ready` is set when an answer has come.
  StoreLink(Stage& stage, int node, Clock& clock, bool& ready)
      : stage_(stage), node_(node), clock_(clock), ready_(ready) {}

  Task<Result<GrantRecord>> load(GrantRef ref) override;
  Task<Result<std::vector<GrantRecord>>> find(AppId app, GrantSelector selector) override;
  Task<Result<GrantPage>> list(GrantFilter filter) override;

  Task<Result<BeginOutcome>> begin(BeginRequest request) override;
  Task<Result<CommitOutcome>> commit(CommitRequest request) override;
  Task<Result<UpdateOutcome>> update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) override;

  Task<Result<std::vector<Result<void>>>> put(std::vector<PutRequest> requests) override;
  Task<Result<void>> remove(GrantRef ref) override;

  Task<Result<void>> keep_late(KeptPair pair) override;
  Task<Result<std::vector<KeptPair>>> late(GrantRef ref, Epoch epoch) override;
  Task<Result<void>> drop_late(KeptPair pair) override;

  Task<Result<std::vector<GrantRecord>>> claim_due(std::vector<DueShare> shares, WallTime now,
                                                   Milliseconds hold) override;
  Task<Result<DueOutlook>> outlook(AppId app, WallTime now, std::size_t count_at_most) override;
  Task<Result<std::vector<GrantRecord>>> abandoned(NodeIdentity node, std::size_t limit) override;

  Task<Result<RefreshHealth>> health(GrantRef asking, WallTime since) override;
  Task<Result<std::size_t>> reopen_refused(AppId app, WallTime since, WallTime due_at) override;

  Task<Result<Changes>> changes_since(std::string cursor) override;

  Task<Result<std::vector<ApplicationRecord>>> applications() override;
  Task<Result<void>> put_application(ApplicationRecord record) override;
  Task<Result<void>> remove_application(AppId app) override;
  Task<Result<std::vector<CallerRecord>>> callers() override;
  Task<Result<void>> put_caller(CallerRecord record) override;
  Task<Result<std::vector<WrappedDataKey>>> data_keys() override;
  Task<Result<void>> put_data_keys(std::vector<WrappedDataKey> keys) override;
  Task<Result<void>> put_consent(ConsentState state) override;
  Task<Result<ConsentState>> take_consent(Bytes state_hash, WallTime now) override;

 private:
  enum class Traffic : std::uint8_t { read, write, commit };
  [[nodiscard]] bool cut() const;
  [[nodiscard]] Milliseconds way();
  /// Carries `apply` to the store and its answer back.
  template <class T>
  Task<Result<T>> travel(Traffic traffic, std::function<Result<T>()> apply);

  Stage& stage_;
  int node_;
  Clock& clock_;
  bool& ready_;
};

}  // namespace keyfob::simulated
