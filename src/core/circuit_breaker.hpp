#pragma once
// CircuitBreaker: whether it makes sense to ask a provider for an application at all. Each exchange with a sick
// provider may spend a refresh token without an answer, so fewer grants are put at risk while it is sick. Pure.
//
//   closed ── kOpenAfter grants in a row failed ──► open ── a trial each 1 to 10 s ──► closed with the first answer

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/time.hpp"

namespace keyfob {

class CircuitBreaker {
 public:
  /// Different grants: one that always fails opens nothing.
  static constexpr std::size_t kOpenAfter = 5;

  /// No usable answer: never sent, no answer in time, 5xx, garbage.
  void failed(BootTime now, std::string_view grant, std::uint32_t die);
  /// An answer that only a provider in working order gives, a refusal too.
  void answered();

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool trial_due(BootTime now) const { return open_ && now >= next_trial_; }
  /// One exchange goes out although the circuit is open; the next one waits for its outcome or for its turn.
  void trial_begins(BootTime now, std::uint32_t die);
  /// Until the next trial; zero when closed.
  [[nodiscard]] Milliseconds wait(BootTime now) const;

 private:
  [[nodiscard]] Milliseconds pause(std::uint32_t die) const;

  std::array<std::uint64_t, kOpenAfter> failed_{};  ///< hashes of grants that failed since the last answer
  std::size_t failures_ = 0;
  bool open_ = false;
  unsigned trials_ = 0;
  BootTime next_trial_{};
};

}  // namespace keyfob
