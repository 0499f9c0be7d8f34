#pragma once
// Flight: carries out what a RefreshMachine decides for one version of one grant, and decides nothing itself. Engine
// executor only; lives until its last exchange has been answered, however long its callers waited.

#include <memory>
#include <optional>
#include <vector>

#include "core/refusal.hpp"
#include "engine/refresher.hpp"

namespace keyfob::engine {

class Flight : public std::enable_shared_from_this<Flight> {
 public:
  Flight(Refresher& owner, std::shared_ptr<const ApplicationView> app, GrantRecord record, Purpose purpose);

  /// Keeps itself alive until it has stopped.
  void launch();
  /// Empty: `patience` ended first.
  Task<std::optional<FlightResult>> wait(Milliseconds patience);
  /// Another node has changed the grant: if this flight waits for that node's lease, it looks again at once.
  void look_again();
  [[nodiscard]] GrantRef ref() const { return {record_.grant.app, record_.grant.id}; }
  /// Somebody joined for this reason.
  void promote(Purpose purpose) { owner_.gate(record_.grant.app).promote(ticket_, purpose); }

 private:
  struct Exchange {
    SpoolSlot slot = 0;
    bool slot_taken = false;
    bool answered = false;
    bool in_spool = false;            ///< the slot holds the pair; it is the spool's until the pair is settled
    Bytes replaces{};                 ///< the mark of the stored pair that its pair is to follow
    std::optional<KeptPair> spare{};  ///< whose refresh token was sent, when it was not the stored one
    std::optional<KeptPair> pair{};
  };
  using Event = refresh::Event;

  Task<void> run();
  Task<Event> carry_out(RefreshAction action);
  Task<Event> begin();
  Event start_exchange(const RefreshAction& action);
  Task<void> exchange(ExchangeNumber number, TokenRequest request, ExchangeLimits limits);
  Event answered(ExchangeNumber number, TokenAnswer answer, WallTime sent_at);
  Task<Event> next_event(Milliseconds limit);
  Task<Event> commit(KeptPair pair);
  Task<bool> line_changed(KeptPair pair);
  Task<Event> commit_exchange(ExchangeNumber number);
  Task<Event> commit_spooled();
  Task<Event> spool(ExchangeNumber number);
  Task<Result<void>> keep_in_spool(ExchangeNumber number);
  Task<Event> keep_late(RefreshAction action);
  Task<Event> discard(RefreshAction action);
  Task<Event> reread(Disposition disposition);
  Task<Event> note_unused(Milliseconds retry_after);
  Task<Event> note_refused(Disposition disposition);
  [[nodiscard]] std::vector<Notice> notices_of(const RefusalVerdict& verdict) const;
  void tell(const RefusalVerdict& verdict, GrantStatus before);
  Event finish(const RefreshAction& action);

  [[nodiscard]] std::optional<TokenRequest> make_request(const RefreshAction& action);
  /// The grant was removed meanwhile, perhaps with its application: there is nothing left to refresh for.
  [[nodiscard]] static bool gone(const Error& error) { return error.code == ErrorCode::not_found; }
  [[nodiscard]] Result<KeptPair> seal_answer(TokenAnswer answer, const Exchange& of, WallTime sent_at);
  Task<Result<void>> reserve_slot();
  Task<Result<SpoolSlot>> new_slot();
  [[nodiscard]] const KeptPair* pair_of(const RefreshAction& action) const;
  void provider_answered(const TokenAnswer& answer);
  void provider_failed();
  void committed(GrantRecord record);
  Task<void> release(const RefreshAction& action);
  Task<void> release_slot(ExchangeNumber number);
  Task<void> release_all();

  Refresher& owner_;
  RefreshContext& context_;
  std::shared_ptr<const ApplicationView> app_;
  GrantRecord record_;
  GrantVersion at_;   ///< the version this flight refreshes
  Purpose purpose_;   ///< why it was started
  KeyHold key_hold_;  ///< what this flight seals may be on its way until it ends
  std::shared_ptr<ApplicationGate::Ticket> ticket_;
  RefreshMachine machine_;
  Mailbox<Event> mailbox_;
  Wakeup landed_;
  std::vector<Exchange> exchanges_;
  std::optional<AttemptId> attempt_;
  BootTime began_at_{};
  /// When this refresh token may have been used first. A provider may repeat its answer to that, word for word, so
  /// lifetimes count from there.
  BootTime first_sent_at_{};
  SpoolSlot reserved_ = 0;
  bool has_reserved_ = false;
  std::optional<SpooledPair> offered_;  ///< the spooled pair that the store was asked to commit
  std::optional<KeptPair> spare_;       ///< a late or spooled pair whose refresh token is tried after a refusal
  std::vector<Bytes> tried_;            ///< sealed refresh tokens of spare pairs that were tried
  bool damaged_ = false;
  std::string detail_;
  std::optional<FlightResult> result_;
};

}  // namespace keyfob::engine
