#include "engine/application_gate.hpp"

#include <algorithm>

namespace keyfob::engine {
namespace {

constexpr Milliseconds kLongestProbe = seconds(12);  // and a tick and an exchange: back within 15 s of being accepted
constexpr Milliseconds kFirstProbe = seconds(1);

Milliseconds probe_backoff(unsigned probes) {
  return std::min(kLongestProbe, kFirstProbe * (1U << std::min(probes, 4U)));
}

}  // namespace

std::optional<ApplicationGate::Refusal> ApplicationGate::admit(Purpose purpose, BootTime now, std::uint64_t revision,
                                                               std::uint32_t die) {
  if (purpose == Purpose::recovery) return std::nullopt;
  const auto later = [](RefreshOutcome outcome, Milliseconds wait) {
    return Refusal{outcome, std::max<Milliseconds>(seconds(1), wait)};
  };
  if (suspended_) {
    if (!probe_due(now, revision)) return later(RefreshOutcome::suspended, next_probe_ - now);
    suspended_revision_ = revision;
    next_probe_ = now + probe_backoff(++probes_);
    return std::nullopt;
  }
  if (paused(now)) return later(RefreshOutcome::unavailable, paused_until_ - now);
  if (breaker_.open()) {
    if (!breaker_.trial_due(now)) return later(RefreshOutcome::unavailable, breaker_.wait(now));
    breaker_.trial_begins(now, die);
    return std::nullopt;
  }
  if (purpose == Purpose::ahead && !bucket_.take_on_credit(now)) return later(RefreshOutcome::unavailable, {});
  return std::nullopt;
}

std::size_t ApplicationGate::reserve(std::size_t most, BootTime now) {
  if (suspended_ || paused(now)) return 0;
  if (breaker_.open()) most = breaker_.trial_due(now) ? std::min<std::size_t>(most, 1) : 0;
  const std::size_t places = std::max(1U, limits_.max_in_flight / 2);
  const std::size_t taken = in_flight_ + line(Purpose::background).size();
  const std::size_t free = taken < places ? places - taken : 0;
  const std::size_t reserved = std::min({most, free, bucket_.available(now)});
  bucket_.take(reserved);
  return reserved;
}

bool ApplicationGate::probe_due(BootTime now, std::uint64_t revision) const {
  return suspended_ && (now >= next_probe_ || revision != suspended_revision_);
}

// --- places ---

std::shared_ptr<ApplicationGate::Ticket> ApplicationGate::ticket(Purpose purpose) const {
  return std::make_shared<Ticket>(executor_, purpose);
}

bool ApplicationGate::take_place(Ticket& ticket) {
  ticket.recovering = ticket.purpose == Purpose::recovery;
  unsigned& used = ticket.recovering ? recovering_ : in_flight_;
  if (used >= (ticket.recovering ? limits_.max_recovering : limits_.max_in_flight)) return false;
  ++used;
  ticket.granted = true;
  return true;
}

Task<void> ApplicationGate::enter(std::shared_ptr<Ticket> ticket, Clock& clock) {
  if (take_place(*ticket)) co_return;
  line(ticket->purpose).push_back(ticket);
  std::function<bool()> ready = [ticket] { return ticket->granted; };
  while (!ticket->granted) {
    co_await ticket->wakeup.wait(ready, clock, hours(1));
  }
}

void ApplicationGate::promote(const std::shared_ptr<Ticket>& ticket, Purpose purpose) {
  if (purpose >= ticket->purpose) return;
  const bool waited = std::erase(line(ticket->purpose), ticket) > 0;
  ticket->purpose = purpose;
  if (waited) line(purpose).push_back(ticket);
  if (waited) call_next();
}

void ApplicationGate::leave(const Ticket& ticket) {
  --(ticket.recovering ? recovering_ : in_flight_);
  call_next();
}

/// Each line's head, in the order of purposes, as far as there are places.
void ApplicationGate::call_next() {
  for (Line& line : lines_) {
    while (!line.empty() && take_place(*line.front())) {
      line.front()->wakeup.notify();
      line.pop_front();
    }
  }
}

// --- what the provider said ---

bool ApplicationGate::suspend(BootTime now, std::uint64_t revision) {
  const bool news = !suspended_;
  if (news) probes_ = 0;
  suspended_ = true;
  suspended_revision_ = revision;
  next_probe_ = now + probe_backoff(probes_);
  return news;
}

bool ApplicationGate::resume() {
  const bool news = suspended_;
  suspended_ = false;
  probes_ = 0;
  return news;
}

void ApplicationGate::slow_down(BootTime now, BootTime until) {
  paused_until_ = std::max(paused_until_, until);
  bucket_.slow_down(now);
}

}  // namespace keyfob::engine
