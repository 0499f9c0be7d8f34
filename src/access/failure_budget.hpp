#pragma once
// FailureBudget: how many failed admissions an address may have before nobody is admitted from it for a while.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/time.hpp"

namespace keyfob::access {

/// Any thread, no lock, no allocation, of fixed size: addresses share a slot now and then. A token bucket per address
/// (IPv6: per /64): kBurst failures at once, then ten a second. Loopback and Unix sockets are not counted: whoever
/// stands before Keyfob on this machine has to count for itself, and everybody behind it would be shut out.
class FailureBudget {
 public:
  static constexpr Milliseconds kInterval = Milliseconds(100);
  static constexpr int kBurst = 50;

  FailureBudget();

  /// `peer`: "192.0.2.7:5000", "[2001:db8::1]:5000", "unix:uid=1000" or empty.
  [[nodiscard]] bool spent(std::string_view peer, BootTime now) const noexcept;
  void failed(std::string_view peer, BootTime now) noexcept;

 private:
  static constexpr std::size_t kSlots = 8192;
  [[nodiscard]] std::size_t slot_of(std::string_view address) const noexcept;

  std::uint64_t seed_;  ///< nobody can choose addresses that share a slot with somebody else's
  std::array<std::atomic<std::int64_t>, kSlots> until_{};  ///< when the bucket is full again, in ms of boot time
};

}  // namespace keyfob::access
