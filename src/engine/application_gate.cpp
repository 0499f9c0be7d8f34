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

std::optional<ApplicationGate::Refusal> ApplicationGate::admit(Purpose purpose, BootTime now, std::uint64_t revision) {
  if (suspended_ && purpose != Purpose::recovery) {
    if (!probe_due(now, revision)) {
      return Refusal{RefreshOutcome::suspended, std::max<Milliseconds>(seconds(1), next_probe_ - now)};
    }
    suspended_revision_ = revision;
    next_probe_ = now + probe_backoff(++probes_);
    return std::nullopt;
  }
  if (now < paused_until_ && purpose != Purpose::recovery) {
    return Refusal{RefreshOutcome::unavailable, std::max<Milliseconds>(seconds(1), paused_until_ - now)};
  }
  if (purpose != Purpose::background) return std::nullopt;
  const double rate = limits_.max_rate;
  bucket_ = std::min(rate, bucket_ + rate * static_cast<double>((now - bucket_at_).count()) / 1000.0);
  bucket_at_ = now;
  if (bucket_ < 1.0) return Refusal{RefreshOutcome::unavailable, seconds(1)};
  bucket_ -= 1.0;
  return std::nullopt;
}

bool ApplicationGate::probe_due(BootTime now, std::uint64_t revision) const {
  return suspended_ && (now >= next_probe_ || revision != suspended_revision_);
}

Task<void> ApplicationGate::enter(Purpose purpose, Clock& clock) {
  if (in_flight_ < limits_.max_in_flight) {
    ++in_flight_;
    co_return;
  }
  const auto waiter = std::make_shared<Waiter>(executor_);
  (purpose == Purpose::background ? background_ : urgent_).push_back(waiter);
  std::function<bool()> ready = [waiter] { return waiter->granted; };
  while (!waiter->granted) {
    co_await waiter->wakeup.wait(ready, clock, hours(1));
  }
}

/// The place goes to the next in line without being free in between.
void ApplicationGate::leave() {
  auto& line = urgent_.empty() ? background_ : urgent_;
  if (line.empty()) {
    --in_flight_;
    return;
  }
  const std::shared_ptr<Waiter> next = line.front();
  line.pop_front();
  next->granted = true;
  next->wakeup.notify();
}

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

void ApplicationGate::pause(BootTime until) { paused_until_ = std::max(paused_until_, until); }

}  // namespace keyfob::engine
