#include "core/refresh_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace keyfob {
namespace {

using Kind = RefreshAction::Kind;
using refresh::Answered;
using refresh::Begun;

constexpr BootTime kStart{Milliseconds(1'000'000)};

/// Feeds events and remembers the last action; time moves only by hand.
class Script {
 public:
  explicit Script(RefreshTiming timing = {}, bool second_secret = false) : machine(timing, second_secret) {}
  RefreshAction operator()(refresh::Event event) { return last = machine.step(event, now, 7); }
  Kind started() { return (*this)(refresh::Started{}).kind; }
  Kind begun(Milliseconds since_first_sent = {}, bool taken_over = false) {
    return (*this)(Begun{since_first_sent, taken_over, Milliseconds(0)}).kind;
  }
  RefreshAction answered(Disposition disposition, bool has_refresh = false, ExchangeNumber exchange = 0) {
    return (*this)(Answered{exchange, disposition, has_refresh, has_refresh});
  }
  void pass(Milliseconds d) { now += d; }

  RefreshMachine machine;
  BootTime now = kStart;
  RefreshAction last{};
};

Answered with_pair(ExchangeNumber exchange = 0) { return {exchange, Disposition::done, true, true}; }

TEST(RefreshMachine, GoesBeginExchangeCommitAndIsDone) {
  Script run;
  EXPECT_EQ(run.started(), Kind::begin);
  EXPECT_EQ(run.begun(), Kind::exchange);
  EXPECT_EQ(run.last.delay, seconds(10));
  EXPECT_EQ(run(with_pair()).kind, Kind::commit);
  EXPECT_EQ(run(refresh::Committed{}).kind, Kind::finish);
  EXPECT_EQ(run.last.outcome, RefreshOutcome::refreshed);
  EXPECT_EQ(run(refresh::Noted{}).kind, Kind::stop);
}

TEST(RefreshMachine, UsesTheNewerPairOfSomebodyElse) {
  Script run;
  run.started();
  EXPECT_EQ(run(refresh::Moved{}).outcome, RefreshOutcome::moved);
}

TEST(RefreshMachine, WaitsForALiveLeaseAndThenBeginsAgain) {
  Script run;
  run.started();
  EXPECT_EQ(run(refresh::Busy{seconds(9)}).kind, Kind::await);
  EXPECT_LE(run.last.delay, Milliseconds(200));
  EXPECT_EQ(run(refresh::TimerEnded{}).kind, Kind::begin);
}

TEST(RefreshMachine, SendsNothingWhenTheAttemptCannotBeStored) {
  Script run;
  run.started();
  EXPECT_EQ(run(refresh::StoreFailed{}).outcome, RefreshOutcome::store_down);
}

TEST(RefreshMachine, RetriesAtOnceAfterAnUnknownOutcomeAndBeginsAnewForIt) {
  Script run;
  run.started();
  run.begun();
  EXPECT_EQ(run.answered(Disposition::unknown).kind, Kind::begin);
  EXPECT_TRUE(run.machine.outcome_unknown());
  EXPECT_EQ(run.begun(seconds(1)), Kind::exchange);
  EXPECT_EQ(run.answered(Disposition::unknown, false, 1).kind, Kind::await);
  EXPECT_EQ(run.machine.phase(), RefreshPhase::backing_off);
}

TEST(RefreshMachine, StartsRecoveryAfterTheTimeoutButTakesTheFirstAnswerWhenItComes) {
  Script run;
  run.started();
  run.begun();
  run.pass(seconds(10));
  EXPECT_EQ(run(refresh::TimerEnded{}).kind, Kind::begin);
  run.begun(seconds(10));
  EXPECT_EQ(run(with_pair(0)).kind, Kind::commit);
  EXPECT_EQ(run.last.exchange, 0U);
  EXPECT_EQ(run(refresh::Committed{}).kind, Kind::finish);
  EXPECT_EQ(run(refresh::Noted{}).kind, Kind::await);  // the second exchange is still open
  EXPECT_EQ(run(with_pair(1)).kind, Kind::keep_late);
  EXPECT_EQ(run(refresh::Kept{true}).kind, Kind::stop);
}

TEST(RefreshMachine, StopsRetryingWhenTheWindowIsOverAndLeavesTheAttempt) {
  Script run;
  run.started();
  run.begun();
  run.answered(Disposition::unknown);
  run.begun(seconds(1));
  run.pass(seconds(61));
  const RefreshAction end = run.answered(Disposition::unknown, false, 1);
  EXPECT_EQ(end.kind, Kind::finish);
  EXPECT_EQ(end.outcome, RefreshOutcome::unavailable);
}

TEST(RefreshMachine, AStrictProviderIsNotAskedTwiceInOneFlight) {
  RefreshTiming strict;
  strict.reuse_window = Milliseconds(0);
  Script run(strict);
  run.started();
  run.begun();
  EXPECT_EQ(run.answered(Disposition::unknown).kind, Kind::finish);
}

TEST(RefreshMachine, ClearsTheAttemptWhenTheTokenWasSurelyNotUsed) {
  Script run;
  run.started();
  run.begun();
  for (ExchangeNumber n = 0; n < 2; ++n) {
    EXPECT_EQ(run.answered(Disposition::unsent, false, n).kind, Kind::await);
    run(refresh::TimerEnded{});
    run.begun();
  }
  EXPECT_EQ(run.answered(Disposition::unsent, false, 2).kind, Kind::note_unused);
  EXPECT_EQ(run(refresh::Noted{}).outcome, RefreshOutcome::unavailable);
}

TEST(RefreshMachine, NeverClearsAnAttemptOfUnknownOutcome) {
  for (const Disposition later :
       {Disposition::unsent, Disposition::throttled, Disposition::transient, Disposition::configuration}) {
    Script run;
    run.started();
    run.begun(seconds(5), true);
    for (int i = 0; i < 200 && run.last.kind != Kind::finish; ++i) {
      ASSERT_NE(run.last.kind, Kind::note_unused) << to_string(later);
      switch (run.last.kind) {
        case Kind::begin: run.begun(run.now - kStart + seconds(5)); break;
        case Kind::exchange: run.answered(later, false, run.last.exchange); break;
        default:
          run.pass(run.last.delay);
          run(refresh::TimerEnded{});
          break;
      }
    }
    EXPECT_EQ(run.last.kind, Kind::finish) << to_string(later);
  }
}

TEST(RefreshMachine, KeepsThePairInTheSpoolWhenTheStoreRefusesTheCommit) {
  Script run;
  run.started();
  run.begun();
  run(with_pair());
  EXPECT_EQ(run(refresh::CommitFailed{}).kind, Kind::spool);
  EXPECT_EQ(run(refresh::Kept{true}).outcome, RefreshOutcome::held);
}

TEST(RefreshMachine, KeepsThePairInTheSpoolBeforeItsCommitWhenToldSo) {
  RefreshTiming timing;
  timing.spool_first = true;
  for (const bool kept : {true, false}) {  // a disk that fails holds no commit up
    Script run(timing);
    run.started();
    run.begun();
    EXPECT_EQ(run(with_pair()).kind, Kind::spool);
    EXPECT_EQ(run(refresh::Kept{kept}).kind, Kind::commit);
    EXPECT_EQ(run(refresh::Committed{}).outcome, RefreshOutcome::refreshed);
  }
}

TEST(RefreshMachine, ALatePairIsInTheSpoolAndBesideTheStoredOneWhenToldSo) {
  RefreshTiming timing;
  timing.spool_first = true;
  for (const bool kept : {true, false}) {
    Script run(timing);
    run.started();
    run.begun();
    run(refresh::TimerEnded{});  // T: a second use begins
    run.begun();
    run(with_pair(1));
    run(refresh::Kept{true});
    EXPECT_EQ(run(refresh::Committed{}).kind, Kind::finish);
    run(refresh::Noted{});
    EXPECT_EQ(run(with_pair(0)).kind, Kind::spool);
    EXPECT_EQ(run(refresh::Kept{kept}).kind, Kind::keep_late);
    EXPECT_EQ(run(refresh::Kept{true}).kind, Kind::stop);
  }
}

TEST(RefreshMachine, GoesOnCommittingWhenNeitherStoreNorSpoolTakesThePair) {
  Script run;
  run.started();
  run.begun();
  run(with_pair());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(run(refresh::CommitFailed{}).kind, Kind::spool);
    EXPECT_EQ(run(refresh::Kept{false}).kind, Kind::await);
    EXPECT_EQ(run(refresh::TimerEnded{}).kind, Kind::commit);
  }
  EXPECT_EQ(run(refresh::Committed{}).outcome, RefreshOutcome::refreshed);
}

TEST(RefreshMachine, RecognisesItsOwnCommitBehindALostAcknowledgement) {
  Script run;
  run.started();
  run.begun();
  run(with_pair());
  EXPECT_EQ(run(refresh::CommitMoved{true, true}).outcome, RefreshOutcome::refreshed);
}

TEST(RefreshMachine, APairOfAReplacedConsentIsNeverStored) {
  Script run;
  run.started();
  run.begun();
  run(with_pair());
  EXPECT_EQ(run(refresh::CommitMoved{false, false}).kind, Kind::discard);
  EXPECT_EQ(run(refresh::Kept{true}).outcome, RefreshOutcome::moved);
}

TEST(RefreshMachine, APairThatCameSecondIsKeptAsALatePair) {
  Script run;
  run.started();
  run.begun();
  run(with_pair());
  EXPECT_EQ(run(refresh::CommitMoved{false, true}).kind, Kind::keep_late);
  EXPECT_EQ(run(refresh::Kept{false}).kind, Kind::spool);
  EXPECT_EQ(run(refresh::Kept{true}).outcome, RefreshOutcome::moved);
}

TEST(RefreshMachine, ReadsAgainBeforeItBelievesARefusal) {
  Script run;
  run.started();
  run.begun();
  EXPECT_EQ(run.answered(Disposition::refused).kind, Kind::reread);
  EXPECT_EQ(run(refresh::Reread{true, false}).outcome, RefreshOutcome::moved);
}

TEST(RefreshMachine, TriesASparePairAfterARefusal) {
  Script run;
  run.started();
  run.begun();
  run.answered(Disposition::refused);
  EXPECT_EQ(run(refresh::Reread{false, true}).kind, Kind::begin);
  EXPECT_EQ(run.begun(), Kind::exchange);
  EXPECT_TRUE(run.last.spare_pair);
}

TEST(RefreshMachine, NotesARefusalOnlyWhenNothingElseIsLeft) {
  Script run;
  run.started();
  run.begun();
  run.answered(Disposition::refused);
  EXPECT_EQ(run(refresh::Reread{false, false}).kind, Kind::note_refused);
  EXPECT_EQ(run.last.disposition, Disposition::refused);
  EXPECT_EQ(run(refresh::Noted{}).outcome, RefreshOutcome::refused);
}

TEST(RefreshMachine, ARefusalIsNotFinalWhileAnOlderExchangeMayStillBringThePair) {
  Script run;
  run.started();
  run.begun();
  run.pass(seconds(10));
  run(refresh::TimerEnded{});
  run.begun(seconds(10));
  EXPECT_EQ(run.answered(Disposition::refused, false, 1).kind, Kind::await);
  EXPECT_EQ(run(with_pair(0)).kind, Kind::commit);
}

TEST(RefreshMachine, AWrongClientSecretTouchesNoGrant) {
  Script run({}, false);
  run.started();
  run.begun();
  EXPECT_EQ(run.answered(Disposition::configuration).kind, Kind::note_unused);
  EXPECT_EQ(run(refresh::Noted{}).outcome, RefreshOutcome::suspended);
}

TEST(RefreshMachine, TheSecondClientSecretIsTriedOnceUnderANewAttempt) {
  Script run({}, true);
  run.started();
  run.begun();
  EXPECT_EQ(run.answered(Disposition::configuration).kind, Kind::begin);
  EXPECT_EQ(run.begun(), Kind::exchange);
  EXPECT_TRUE(run.last.previous_secret);
  EXPECT_EQ(run.answered(Disposition::configuration, false, 1).kind, Kind::note_unused);
}

TEST(RefreshMachine, ASpooledPairOnlyNeedsItsCommit) {
  Script run;
  EXPECT_EQ(run(refresh::Started{true}).kind, Kind::commit_spooled);
  EXPECT_EQ(run(refresh::CommitFailed{}).outcome, RefreshOutcome::held);
}

/// Answers every action by chance, and remembers which pairs are safe.
class Storm {
 public:
  explicit Storm(std::uint32_t seed) : dice_(seed), run_({}, seed % 2 == 0) {}

  bool ends() {
    RefreshAction action = run_(refresh::Started{});
    for (int steps = 0; steps < 2000; ++steps) {
      if (action.kind == Kind::stop) return true;
      run_.pass(Milliseconds(dice_() % 500));
      action = answer(action);
    }
    return false;
  }
  [[nodiscard]] bool every_pair_is_safe() const { return std::ranges::find(safe_, false) == safe_.end(); }

 private:
  bool one_in(unsigned n) { return dice_() % n == 0; }

  RefreshAction answer(const RefreshAction& action) {
    switch (action.kind) {
      case Kind::begin: return run_(begin_outcome());
      case Kind::exchange:
        open_.push_back(action.exchange);
        safe_.push_back(true);
        return wait(action.delay);
      case Kind::await: return wait(action.delay);
      case Kind::commit: return run_(commit_outcome(action.exchange));
      case Kind::spool:
      case Kind::keep_late: {
        const bool ok = !one_in(4);
        if (ok) safe_[action.exchange] = true;
        return run_(refresh::Kept{ok});
      }
      case Kind::discard: safe_[action.exchange] = true; return run_(refresh::Kept{true});
      case Kind::reread: return one_in(4) ? run_(refresh::StoreFailed{}) : run_(refresh::Reread{one_in(4), one_in(4)});
      case Kind::note_unused:
      case Kind::note_refused: return one_in(4) ? run_(refresh::StoreFailed{}) : run_(refresh::Noted{});
      default: return run_(refresh::Noted{});
    }
  }

  refresh::Event begin_outcome() {
    if (one_in(6)) return refresh::StoreFailed{};
    if (one_in(8)) return refresh::Busy{seconds(3)};
    if (one_in(12)) return refresh::Moved{};
    return Begun{run_.now - kStart, one_in(3), Milliseconds(1)};
  }

  refresh::Event commit_outcome(ExchangeNumber number) {
    if (one_in(3)) return refresh::CommitFailed{};
    if (one_in(4)) return refresh::CommitMoved{false, one_in(2)};
    safe_[number] = true;
    return refresh::Committed{};
  }

  RefreshAction wait(Milliseconds delay) {
    if (open_.empty() || one_in(2)) {
      run_.pass(delay);
      return run_(refresh::TimerEnded{});
    }
    const std::size_t at = dice_() % open_.size();
    const ExchangeNumber number = open_[at];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    const auto disposition = static_cast<Disposition>(dice_() % 8);
    const bool pair = disposition == Disposition::done || one_in(5);
    safe_[number] = !pair;
    return run_(Answered{number, disposition, pair, pair});
  }

  std::mt19937 dice_;
  Script run_;
  std::vector<ExchangeNumber> open_;
  std::vector<bool> safe_;
};

/// Whatever happens, an attempt ends (I7), and a pair that came is stored, spooled, kept late or discarded with its
/// consent.
TEST(RefreshMachine, NoSequenceOfEventsLosesAPairOrRunsForever) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    Storm storm(seed);
    ASSERT_TRUE(storm.ends()) << "seed " << seed;
    ASSERT_TRUE(storm.every_pair_is_safe()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace keyfob
