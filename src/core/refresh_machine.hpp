#pragma once
// RefreshMachine: one refresh of one grant version, as a pure state machine: event in, action out
// (docs/spec/refresh.md). It decides everything about a refresh and does nothing: engine/flight.cpp carries the actions
// out and decides nothing.
//
//   beginning ─► exchanging ─► committing ─► settled        the happy way
//       │            ├─► backing_off ─► beginning           unsent, unknown, throttled
//       │            ├─► rereading ─► noting ─► settled     refused
//       └─► waiting  └─► committing ─► keeping ─► settled   the store refuses: the pair is kept in the spool slot
//
// With spool_first a pair passes through `spooling` on its way to `committing`.
//
// Not thread-safe. Takes `now` (boot time) and a die for jitter with every event; deterministic.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "core/answer.hpp"

namespace keyfob {

/// The durations that fence a refresh. Valid when timeout < lease and, unless reuse_window is 0,
/// lease + recovery + timeout < reuse_window (docs/reference/configuration).
struct RefreshTiming {
  Milliseconds timeout = seconds(10);       ///< T: after it recovery starts; the exchange itself is read on
  Milliseconds lease = seconds(15);         ///< L
  Milliseconds reuse_window = seconds(60);  ///< W of the provider; 0: strict
  bool late_reuse = false;                  ///< one more use after W is not punished
  bool spool_first = false;                 ///< a pair is in the spool before the store is asked to commit it
};

enum class RefreshPhase : std::uint8_t {
  beginning,
  waiting,
  exchanging,
  backing_off,
  spooling,
  committing,
  keeping,
  rereading,
  noting,
  settled
};

/// How a refresh ended for its callers.
enum class RefreshOutcome : std::uint8_t {
  refreshed,    ///< committed; the new record is at hand
  moved,        ///< somebody else's pair is newer (or the consent was replaced, or revoked): use what is stored
  held,         ///< the pair is in the spool; callers are served from it, the commit is retried for ever
  refused,      ///< noted: suspect or needs_reauth
  suspended,    ///< the application's own credentials are refused; no grant was touched
  unavailable,  ///< provider or network; retry_after says when
  store_down,   ///< the store could not be written before the wire: nothing was sent
};

/// One use of the wire within a flight, counted from 0.
using ExchangeNumber = unsigned;

namespace refresh {

struct Started {
  bool spooled = false;  ///< this node's spool holds a pair for this very version: it only needs its commit
};
struct Begun {
  Milliseconds since_first_sent{};  ///< store time since the first use of this refresh token
  bool taken_over = false;          ///< an attempt of unknown outcome was there before
  Milliseconds elapsed{};           ///< boot time since before Begin was asked for
};
struct Busy {
  Milliseconds lease_left{};
};
struct Moved {};        ///< begin or note found another version, or a status that forbids it
struct StoreFailed {};  ///< begin, reread or note: outage
struct SpoolFull {};
struct Answered {
  ExchangeNumber exchange = 0;
  Disposition disposition = Disposition::unknown;
  bool has_refresh = false;  ///< a non-empty refresh token came, whatever else
  bool has_access = false;
  std::optional<Milliseconds> retry_after{};
};
struct TimerEnded {};
struct Committed {};
struct CommitMoved {
  bool ours = false;  ///< the stored pair is the very one: an acknowledgement was lost
  bool same_epoch = false;
};
struct CommitFailed {};
struct Kept {
  bool ok = false;  ///< durable in the spool (or as a late pair)
};
struct Reread {
  bool moved = false;
  bool spare_pair = false;  ///< a late or spooled pair of this epoch that was not tried yet
};
struct Noted {};

using Event = std::variant<Started, Begun, Busy, Moved, StoreFailed, SpoolFull, Answered, TimerEnded, Committed,
                           CommitMoved, CommitFailed, Kept, Reread, Noted>;

}  // namespace refresh

struct RefreshAction {
  enum class Kind : std::uint8_t {
    begin,           ///< reserve a spool slot, then the durable attempt
    exchange,        ///< start exchange `exchange`, then wait for events at most `delay`
    await,           ///< wait for events at most `delay`
    commit,          ///< store the pair of `exchange`
    commit_spooled,  ///< store the pair that the spool holds for this version
    spool,           ///< keep the pair of `exchange` in its slot
    keep_late,       ///< keep the pair of `exchange` as a late pair
    discard,         ///< the pair of `exchange` belongs to a replaced consent: revoke if possible, drop
    reread,          ///< look at the record, late pairs and the spool again
    note_unused,     ///< clear the attempt: the refresh token was not used
    note_refused,    ///< judge the refusal and store suspect or needs_reauth
    finish,          ///< tell the callers `outcome`; goes on with events while exchanges are open
    stop,            ///< nothing is left to do
  };
  Kind kind = Kind::stop;
  ExchangeNumber exchange = 0;
  Milliseconds delay{};
  bool previous_secret = false;  ///< exchange: use the application's previous client secret
  bool spare_pair = false;       ///< exchange: use the refresh token of the spare pair
  bool spooled = false;          ///< keep_late, discard: the pair that the spool holds, not one of this flight
  Disposition disposition{};     ///< reread, note_refused: refused or suspicious
  RefreshOutcome outcome{};      ///< finish
  Milliseconds retry_after{};    ///< finish, note_unused
};

class RefreshMachine {
 public:
  explicit RefreshMachine(RefreshTiming timing, bool second_secret) : timing_(timing), second_secret_(second_secret) {}

  /// `die` is uniformly random; the only source of jitter.
  RefreshAction step(const refresh::Event& event, BootTime now, std::uint32_t die);

  [[nodiscard]] RefreshPhase phase() const { return phase_; }
  /// A use of this refresh token had an unknown outcome: a refusal after it is a lost rotation.
  [[nodiscard]] bool outcome_unknown() const { return unknown_; }
  /// Until when the first answer may still come and a retry is accepted.
  [[nodiscard]] BootTime window_end() const { return window_end_; }

 private:
  RefreshAction on(const refresh::Started& event);
  RefreshAction on(const refresh::Begun& event);
  RefreshAction on(const refresh::Busy& event);
  RefreshAction on(const refresh::Moved& event);
  RefreshAction on(const refresh::StoreFailed& event);
  RefreshAction on(const refresh::SpoolFull& event);
  RefreshAction on(const refresh::Answered& event);
  RefreshAction on(const refresh::TimerEnded& event);
  RefreshAction on(const refresh::Committed& event);
  RefreshAction on(const refresh::CommitMoved& event);
  RefreshAction on(const refresh::CommitFailed& event);
  RefreshAction on(const refresh::Kept& event);
  RefreshAction on(const refresh::Reread& event);
  RefreshAction on(const refresh::Noted& event);

  RefreshAction judge(const refresh::Answered& event);
  RefreshAction late_answer(const refresh::Answered& event);
  RefreshAction begin();
  RefreshAction judge_refused(const refresh::Answered& event);
  RefreshAction give_back(RefreshOutcome outcome, Milliseconds retry_after);
  RefreshAction retry_unknown();
  RefreshAction back_off(RefreshPhase phase, Milliseconds delay);
  RefreshAction wait_on();
  RefreshAction reread();
  RefreshAction act(RefreshAction::Kind kind) const;
  RefreshAction finish(RefreshOutcome outcome, Milliseconds retry_after = {});
  RefreshAction linger();
  RefreshAction keep_homeless();
  [[nodiscard]] bool window_open() const { return now_ < window_end_; }
  [[nodiscard]] Milliseconds short_backoff() const;

  RefreshTiming timing_;
  RefreshPhase phase_ = RefreshPhase::beginning;
  BootTime now_{};
  std::uint32_t die_ = 0;
  BootTime window_end_{};
  ExchangeNumber next_exchange_ = 0;
  ExchangeNumber keeping_ = 0;            ///< the exchange whose pair is being stored
  std::vector<ExchangeNumber> homeless_;  ///< pairs that neither store nor spool has taken yet
  unsigned open_ = 0;                     ///< exchanges without an answer
  BootTime wake_at_{};                    ///< end of the present wait
  unsigned retries_ = 0;
  bool unknown_ = false;
  bool second_secret_;  ///< the application has a previous client secret that was not tried
  bool use_previous_ = false;
  bool use_spare_ = false;
  bool committing_spooled_ = false;
  bool spool_tried_ = false;            ///< the pair at hand was offered to the spool
  bool late_spooling_ = false;          ///< the pair at hand is a late one on its way to the spool
  std::optional<Disposition> refusal_;  ///< refused while another exchange was still open
  Milliseconds retry_after_{};
  RefreshOutcome after_note_ = RefreshOutcome::unavailable;
};

}  // namespace keyfob
