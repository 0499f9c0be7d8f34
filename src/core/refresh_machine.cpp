#include "core/refresh_machine.hpp"

#include <algorithm>

namespace keyfob {
namespace {

using Kind = RefreshAction::Kind;

constexpr unsigned kUnsentRetries = 2;
constexpr Milliseconds kFirstBackoff(250);
constexpr Milliseconds kLongestBackoff(5000);
constexpr Milliseconds kStoreRetry(500);
constexpr Milliseconds kLongestRetryAfter = minutes(10);

}  // namespace

RefreshAction RefreshMachine::step(const refresh::Event& event, BootTime now, std::uint32_t die) {
  now_ = now;
  die_ = die;
  return std::visit([this](const auto& e) { return on(e); }, event);
}

// --- beginning ---

RefreshAction RefreshMachine::on(const refresh::Started& event) {
  if (!event.spooled) return begin();
  committing_spooled_ = true;
  phase_ = RefreshPhase::committing;
  return act(Kind::commit_spooled);
}

RefreshAction RefreshMachine::begin() {
  phase_ = RefreshPhase::beginning;
  return act(Kind::begin);
}

RefreshAction RefreshMachine::on(const refresh::Begun& event) {
  unknown_ = unknown_ || event.taken_over;
  window_end_ = now_ - event.elapsed + timing_.reuse_window - event.since_first_sent;
  phase_ = RefreshPhase::exchanging;
  wake_at_ = now_ - event.elapsed + timing_.timeout;
  RefreshAction action = wait_on();
  action.kind = Kind::exchange;
  action.exchange = next_exchange_++;
  action.previous_secret = use_previous_;
  action.spare_pair = use_spare_;
  ++open_;
  return action;
}

RefreshAction RefreshMachine::on(const refresh::Busy& event) {
  // Polled with jitter beneath any notification; the lease's end is the latest useful moment.
  return back_off(RefreshPhase::waiting, std::clamp(event.lease_left, Milliseconds(1), Milliseconds(50 + die_ % 150)));
}

RefreshAction RefreshMachine::on(const refresh::Moved&) { return finish(RefreshOutcome::moved); }

RefreshAction RefreshMachine::on(const refresh::StoreFailed&) {
  if (phase_ == RefreshPhase::noting) return finish(after_note_, retry_after_);
  if (phase_ == RefreshPhase::rereading) return finish(RefreshOutcome::unavailable, seconds(1));
  if (next_exchange_ == 0) return finish(RefreshOutcome::store_down, seconds(1));
  // The token may be spent: keep asking for a durable attempt while a retry can still save the pair.
  if (window_open() || open_ > 0) return back_off(RefreshPhase::backing_off, kStoreRetry);
  return finish(RefreshOutcome::unavailable, seconds(1));
}

RefreshAction RefreshMachine::on(const refresh::SpoolFull&) {
  if (unknown_ && window_open()) return back_off(RefreshPhase::backing_off, kStoreRetry);
  return finish(RefreshOutcome::unavailable, seconds(1));
}

// --- answers ---

RefreshAction RefreshMachine::on(const refresh::Answered& event) {
  if (open_ > 0) --open_;
  if (phase_ == RefreshPhase::settled) return late_answer(event);
  if (event.has_refresh || event.disposition == Disposition::done) {
    if (phase_ == RefreshPhase::keeping) homeless_.push_back(keeping_);
    keeping_ = event.exchange;
    spool_tried_ = false;
    if (phase_ == RefreshPhase::keeping) return act(Kind::spool);
    committing_spooled_ = false;
    phase_ = timing_.spool_first ? RefreshPhase::spooling : RefreshPhase::committing;
    return act(timing_.spool_first ? Kind::spool : Kind::commit);
  }
  const bool newest = event.exchange + 1 == next_exchange_;
  if (phase_ == RefreshPhase::exchanging && newest) return judge(event);
  unknown_ = unknown_ || event.disposition == Disposition::unknown;
  return wait_on();
}

RefreshAction RefreshMachine::judge(const refresh::Answered& event) {
  switch (event.disposition) {
    case Disposition::refused:
    case Disposition::suspicious: return judge_refused(event);
    case Disposition::done:
    case Disposition::unknown: unknown_ = true; return refusal_ && !window_open() ? reread() : retry_unknown();
    case Disposition::unsent:
      if (unknown_) return retry_unknown();
      if (retries_++ < kUnsentRetries) return back_off(RefreshPhase::backing_off, Milliseconds(50 + die_ % 200));
      return give_back(RefreshOutcome::unavailable, seconds(1));
    case Disposition::throttled:
    case Disposition::transient: {
      const Milliseconds wait = std::min(event.retry_after.value_or(seconds(1)), kLongestRetryAfter);
      if (unknown_ && window_open())
        return back_off(RefreshPhase::backing_off, std::max(kFirstBackoff, std::min(wait, (window_end_ - now_) / 2)));
      return give_back(RefreshOutcome::unavailable, wait);
    }
    case Disposition::configuration:
      if (second_secret_) {
        second_secret_ = false;
        use_previous_ = true;
        return begin();
      }
      ++retries_;
      if (unknown_ && window_open()) return back_off(RefreshPhase::backing_off, short_backoff());
      return give_back(RefreshOutcome::suspended, seconds(5));
  }
  return retry_unknown();
}

/// A refusal is not final while an older exchange may still bring the only copy of the pair, nor inside the window
/// after an unknown outcome: the provider may be wrong about it, and later it will be too late to ask again.
RefreshAction RefreshMachine::judge_refused(const refresh::Answered& event) {
  refusal_ = event.disposition;
  if (!window_open() || (open_ == 0 && !unknown_)) return reread();
  ++retries_;
  return back_off(RefreshPhase::backing_off, std::min(short_backoff(), window_end_ - now_));
}

/// A pair that comes after the flight was settled is never thrown away: somebody may need it.
RefreshAction RefreshMachine::late_answer(const refresh::Answered& event) {
  if (!event.has_refresh) return linger();
  keeping_ = event.exchange;
  spool_tried_ = false;
  committing_spooled_ = false;
  late_spooling_ = timing_.spool_first;
  return act(late_spooling_ ? Kind::spool : Kind::keep_late);
}

RefreshAction RefreshMachine::retry_unknown() {
  if (window_open()) {
    if (retries_++ == 0) return begin();
    return back_off(RefreshPhase::backing_off, short_backoff());
  }
  if (open_ > 0) {
    wake_at_ = now_ + timing_.lease;
    return wait_on();
  }
  return finish(RefreshOutcome::unavailable, seconds(5));
}

RefreshAction RefreshMachine::on(const refresh::TimerEnded&) {
  switch (phase_) {
    case RefreshPhase::exchanging:
      if (refusal_) return reread();
      unknown_ = true;
      return retry_unknown();
    case RefreshPhase::waiting:
    case RefreshPhase::backing_off:
      if (refusal_ && !window_open()) return reread();
      if (unknown_ && !window_open() && next_exchange_ > 0) return retry_unknown();
      return begin();
    case RefreshPhase::keeping: phase_ = RefreshPhase::committing; return act(Kind::commit);
    default: return homeless_.empty() ? linger() : keep_homeless();
  }
}

/// Neither store nor spool took it before: both are asked again until one does.
RefreshAction RefreshMachine::keep_homeless() {
  keeping_ = homeless_.back();
  homeless_.pop_back();
  spool_tried_ = false;
  committing_spooled_ = false;
  return act(Kind::keep_late);
}

// --- storing ---

RefreshAction RefreshMachine::on(const refresh::Committed&) { return finish(RefreshOutcome::refreshed); }

RefreshAction RefreshMachine::on(const refresh::CommitMoved& event) {
  if (event.ours) return finish(RefreshOutcome::refreshed);
  return act(event.same_epoch ? Kind::keep_late : Kind::discard);
}

RefreshAction RefreshMachine::on(const refresh::CommitFailed&) {
  if (committing_spooled_) return finish(RefreshOutcome::held);
  phase_ = RefreshPhase::keeping;
  return act(Kind::spool);
}

RefreshAction RefreshMachine::on(const refresh::Kept& event) {
  if (phase_ == RefreshPhase::spooling) {  // a disk that fails holds no commit up
    phase_ = RefreshPhase::committing;
    return act(Kind::commit);
  }
  if (late_spooling_) {  // the spool for what the store may forget, the store for the other nodes
    late_spooling_ = false;
    return act(Kind::keep_late);
  }
  if (phase_ == RefreshPhase::keeping) {
    if (event.ok) return finish(RefreshOutcome::held);
    return back_off(RefreshPhase::keeping, kStoreRetry);
  }
  if (!event.ok && !spool_tried_ && !committing_spooled_) {
    spool_tried_ = true;
    return act(Kind::spool);
  }
  if (!event.ok && !committing_spooled_) homeless_.push_back(keeping_);
  return phase_ == RefreshPhase::settled ? linger() : finish(RefreshOutcome::moved);
}

RefreshAction RefreshMachine::on(const refresh::Reread& event) {
  if (event.moved) return finish(RefreshOutcome::moved);
  if (event.spare_pair) {
    use_spare_ = true;
    refusal_.reset();
    return begin();
  }
  phase_ = RefreshPhase::noting;
  after_note_ = RefreshOutcome::refused;
  retry_after_ = seconds(5);
  RefreshAction action = act(Kind::note_refused);
  action.disposition = refusal_.value_or(Disposition::suspicious);
  return action;
}

RefreshAction RefreshMachine::on(const refresh::Noted&) {
  return phase_ == RefreshPhase::settled ? linger() : finish(after_note_, retry_after_);
}

// --- small steps ---

RefreshAction RefreshMachine::act(Kind kind) const {
  RefreshAction action;
  action.kind = kind;
  action.exchange = keeping_;
  action.spooled = committing_spooled_;
  action.retry_after = retry_after_;
  return action;
}

RefreshAction RefreshMachine::reread() {
  phase_ = RefreshPhase::rereading;
  RefreshAction action = act(Kind::reread);
  action.disposition = refusal_.value_or(Disposition::suspicious);
  return action;
}

RefreshAction RefreshMachine::back_off(RefreshPhase phase, Milliseconds delay) {
  phase_ = phase;
  wake_at_ = now_ + delay;
  return wait_on();
}

RefreshAction RefreshMachine::wait_on() {
  RefreshAction action = act(Kind::await);
  action.delay = std::max(Milliseconds(0), wake_at_ - now_);
  return action;
}

/// Ends without a pair. The attempt is cleared only when no use of the token had an unknown outcome.
RefreshAction RefreshMachine::give_back(RefreshOutcome outcome, Milliseconds retry_after) {
  if (unknown_ || open_ > 0) return finish(outcome, retry_after);
  phase_ = RefreshPhase::noting;
  after_note_ = outcome;
  retry_after_ = retry_after;
  return act(Kind::note_unused);
}

RefreshAction RefreshMachine::finish(RefreshOutcome outcome, Milliseconds retry_after) {
  phase_ = RefreshPhase::settled;
  RefreshAction action = act(Kind::finish);
  action.outcome = outcome;
  action.retry_after = retry_after;
  return action;
}

RefreshAction RefreshMachine::linger() {
  if (open_ == 0 && homeless_.empty()) return act(Kind::stop);
  if (!homeless_.empty()) {
    wake_at_ = now_ + kStoreRetry;
    return wait_on();
  }
  wake_at_ = std::max(window_end_, now_ + timing_.timeout);
  return wait_on();
}

/// 250 ms doubling to 5 s, with full jitter in its upper half.
Milliseconds RefreshMachine::short_backoff() const {
  const Milliseconds full = std::min(kLongestBackoff, kFirstBackoff * (1U << std::min(retries_, 6U)));
  return full / 2 + Milliseconds(die_ % static_cast<std::uint32_t>(full.count() / 2 + 1));
}

}  // namespace keyfob
