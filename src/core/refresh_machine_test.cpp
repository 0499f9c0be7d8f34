#include "core/refresh_machine.hpp"

#include <gtest/gtest.h>

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

/// Whatever happens, an attempt ends (I7) and a pair that came is stored, spooled, kept late or discarded with its
/// consent.
TEST(RefreshMachine, NoSequenceOfEventsLosesAPairOrRunsForever) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 dice(seed);
    const auto one_in = [&](unsigned n) { return dice() % n == 0; };
    Script run({}, one_in(2));
    std::vector<ExchangeNumber> open;
    std::vector<bool> pair_safe;
    RefreshAction action = run(refresh::Started{});
    int steps = 0;
    for (; action.kind != Kind::stop && steps < 2000; ++steps) {
      run.pass(Milliseconds(dice() % 500));
      switch (action.kind) {
        case Kind::begin:
          if (one_in(6))
            action = run(refresh::StoreFailed{});
          else if (one_in(8))
            action = run(refresh::Busy{seconds(3)});
          else if (one_in(12))
            action = run(refresh::Moved{});
          else
            action = run(Begun{run.now - kStart, one_in(3), Milliseconds(1)});
          continue;
        case Kind::exchange:
          open.push_back(action.exchange);
          pair_safe.push_back(true);
          [[fallthrough]];
        case Kind::await:
          if (!open.empty() && one_in(2)) {
            const std::size_t at = dice() % open.size();
            const ExchangeNumber number = open[at];
            open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
            const auto disposition = static_cast<Disposition>(dice() % 8);
            const bool pair = disposition == Disposition::done || one_in(5);
            pair_safe[number] = !pair;
            action = run(Answered{number, disposition, pair, pair});
          } else {
            run.pass(action.delay);
            action = run(refresh::TimerEnded{});
          }
          continue;
        case Kind::commit:
          if (one_in(3))
            action = run(refresh::CommitFailed{});
          else if (one_in(4))
            action = run(refresh::CommitMoved{false, one_in(2)});
          else {
            pair_safe[action.exchange] = true;
            action = run(refresh::Committed{});
          }
          continue;
        case Kind::spool:
        case Kind::keep_late: {
          const bool ok = !one_in(4);
          const ExchangeNumber number = action.exchange;
          action = run(refresh::Kept{ok});
          if (ok) pair_safe[number] = true;
          continue;
        }
        case Kind::discard:
          pair_safe[action.exchange] = true;
          action = run(refresh::Kept{true});
          continue;
        case Kind::reread:
          action = one_in(4) ? run(refresh::StoreFailed{}) : run(refresh::Reread{one_in(4), one_in(4)});
          continue;
        case Kind::note_unused:
        case Kind::note_refused: action = one_in(4) ? run(refresh::StoreFailed{}) : run(refresh::Noted{}); continue;
        case Kind::finish: action = run(refresh::Noted{}); continue;
        default: FAIL() << "unexpected action";
      }
    }
    ASSERT_EQ(action.kind, Kind::stop) << "seed " << seed << " ran forever";
    for (std::size_t n = 0; n < pair_safe.size(); ++n)
      ASSERT_TRUE(pair_safe[n]) << "seed " << seed << " lost the pair of exchange " << n;
  }
}

}  // namespace
}  // namespace keyfob
