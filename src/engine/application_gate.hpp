#pragma once
// ApplicationGate: what one application's refreshes have to respect: how many may be on the wire, whether its own
// credentials are refused (suspended), whether the provider asked for patience (429), how fast the background may go.
// Engine executor only.

#include <deque>
#include <memory>
#include <optional>

#include "core/refresh_machine.hpp"
#include "engine/wakeup.hpp"

namespace keyfob::engine {

/// Why a refresh is asked for; the order is the order of service.
enum class Purpose : std::uint8_t {
  recovery,    ///< an attempt of unknown outcome: ahead of all other work, past suspension and pauses
  on_demand,   ///< a caller waits
  background,  ///< keep-alive, refresh ahead, confirmation
};

struct GateLimits {
  unsigned max_in_flight = 128;
  unsigned max_rate = 50;  ///< background refreshes per second
};

class ApplicationGate {
 public:
  ApplicationGate(asio::any_io_executor executor, GateLimits limits)
      : executor_(std::move(executor)), limits_(limits) {}

  struct Refusal {
    RefreshOutcome outcome;  ///< suspended or unavailable
    Milliseconds retry_after{};
  };
  /// May a refresh start now? `revision` is the application's: a change of its credentials ends the waiting for a
  /// probe.
  [[nodiscard]] std::optional<Refusal> admit(Purpose purpose, BootTime now, std::uint64_t revision);

  /// Waits for a place on the wire; recovery and on-demand go before background.
  Task<void> enter(Purpose purpose, Clock& clock);
  void leave();

  /// The provider refused the application's own credentials. True when this is news.
  bool suspend(BootTime now, std::uint64_t revision);
  /// The provider accepted them. True when this is news.
  bool resume();
  void pause(BootTime until);

  [[nodiscard]] bool suspended() const { return suspended_; }
  [[nodiscard]] BootTime next_probe() const { return next_probe_; }
  /// A probe is due and nobody asked for it.
  [[nodiscard]] bool probe_due(BootTime now, std::uint64_t revision) const;

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : wakeup(executor) {}
    Wakeup wakeup;
    bool granted = false;
  };

  asio::any_io_executor executor_;
  GateLimits limits_;
  std::deque<std::shared_ptr<Waiter>> urgent_;
  std::deque<std::shared_ptr<Waiter>> background_;
  unsigned in_flight_ = 0;
  bool suspended_ = false;
  std::uint64_t suspended_revision_ = 0;
  unsigned probes_ = 0;
  BootTime next_probe_{};
  BootTime paused_until_{};
  BootTime bucket_at_{};
  double bucket_ = 0;
};

}  // namespace keyfob::engine
