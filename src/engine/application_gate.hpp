#pragma once
// ApplicationGate: what one application's refreshes have to respect: how many may be on the wire, whether its own
// credentials are refused (suspended), whether the provider asked for patience (429) or is out of order (circuit), how
// fast the background may go. Engine executor only.

#include <array>
#include <deque>
#include <memory>
#include <optional>

#include "core/circuit_breaker.hpp"
#include "core/refresh_machine.hpp"
#include "core/token_bucket.hpp"
#include "engine/wakeup.hpp"

namespace keyfob::engine {

/// Why a refresh is asked for; the order is the order of service.
enum class Purpose : std::uint8_t {
  recovery,    ///< an attempt of unknown outcome, inside the reuse window: past suspension, pauses and open circuits
  on_demand,   ///< a caller waits
  ahead,       ///< a caller uses the token, which ends soon
  background,  ///< the due queue: keep-alive, always_fresh, confirmation. Its rate was taken with reserve()
};

struct GateLimits {
  unsigned max_in_flight = 128;   ///< flights of every purpose but recovery
  unsigned max_recovering = 128;  ///< places that only recovery takes
  unsigned max_rate = 50;         ///< refreshes ahead and in the background per second
};

class ApplicationGate {
 public:
  ApplicationGate(asio::any_io_executor executor, GateLimits limits)
      : executor_(std::move(executor)), limits_(limits), bucket_(limits.max_rate) {}

  struct Refusal {
    RefreshOutcome outcome;  ///< suspended or unavailable
    Milliseconds retry_after{};
  };
  /// May a refresh start now? `revision` is the application's: a change of its credentials ends the waiting for a
  /// probe.
  [[nodiscard]] std::optional<Refusal> admit(Purpose purpose, BootTime now, std::uint64_t revision, std::uint32_t die);

  /// How many background refreshes may start now, at most `most`: none while suspended or paused, one when the open
  /// circuit is due for a trial, never more than half of the places. They are taken from the bucket; what is not used
  /// has to be given back.
  [[nodiscard]] std::size_t reserve(std::size_t most, BootTime now);
  void give_back(std::size_t unused) { bucket_.give_back(unused); }

  /// A place in line or on the wire.
  struct Ticket {
    Ticket(const asio::any_io_executor& executor, Purpose why) : wakeup(executor), purpose(why) {}
    Wakeup wakeup;
    Purpose purpose;
    bool granted = false;
    bool recovering = false;  ///< holds one of recovery's own places
  };
  [[nodiscard]] std::shared_ptr<Ticket> ticket(Purpose purpose) const;
  /// Waits for a place on the wire, behind those of an earlier purpose.
  Task<void> enter(std::shared_ptr<Ticket> ticket, Clock& clock);
  /// Somebody with a better reason joined: it moves up if it still waits.
  void promote(const std::shared_ptr<Ticket>& ticket, Purpose purpose);
  void leave(const Ticket& ticket);

  /// The provider refused the application's own credentials. True when this is news.
  bool suspend(BootTime now, std::uint64_t revision);
  /// The provider accepted them. True when this is news.
  bool resume();
  /// 429: nobody but recovery starts before `until`, and the background goes on at half its rate.
  void slow_down(BootTime now, BootTime until);
  void answered() { breaker_.answered(); }
  void failed(BootTime now, std::string_view grant, std::uint32_t die) { breaker_.failed(now, grant, die); }

  [[nodiscard]] bool suspended() const { return suspended_; }
  [[nodiscard]] bool paused(BootTime now) const { return now < paused_until_; }
  [[nodiscard]] bool circuit_open() const { return breaker_.open(); }
  [[nodiscard]] double rate(BootTime now) const { return bucket_.rate(now); }
  /// A probe is due and nobody asked for it.
  [[nodiscard]] bool probe_due(BootTime now, std::uint64_t revision) const;

 private:
  using Line = std::deque<std::shared_ptr<Ticket>>;
  [[nodiscard]] Line& line(Purpose purpose) { return lines_[static_cast<std::size_t>(purpose)]; }
  [[nodiscard]] bool take_place(Ticket& ticket);
  void call_next();

  asio::any_io_executor executor_;
  GateLimits limits_;
  TokenBucket bucket_;
  CircuitBreaker breaker_;
  std::array<Line, 4> lines_;
  unsigned in_flight_ = 0;
  unsigned recovering_ = 0;
  bool suspended_ = false;
  std::uint64_t suspended_revision_ = 0;
  unsigned probes_ = 0;
  BootTime next_probe_{};
  BootTime paused_until_{};
};

}  // namespace keyfob::engine
