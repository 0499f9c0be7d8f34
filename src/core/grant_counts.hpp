#pragma once
// GrantCounts: how many grants there are of each status. Renewals: how many have to be renewed on which day.

#include <array>
#include <cstdint>

#include "core/grant.hpp"

namespace keyfob {

struct GrantCounts {
  std::array<std::uint64_t, 5> by_status{};  ///< in the order of GrantStatus
  std::uint64_t attention = 0;               ///< grants that carry an attention

  [[nodiscard]] std::uint64_t of(GrantStatus status) const { return by_status.at(static_cast<std::size_t>(status)); }
  void add(GrantStatus status, std::uint64_t grants) { by_status.at(static_cast<std::size_t>(status)) += grants; }
};

/// By when the grants that are in use have to be renewed, so that their refresh tokens do not end.
struct Renewals {
  static constexpr std::size_t kDays = 30;
  std::uint64_t overdue = 0;
  std::array<std::uint64_t, kDays> by_day{};  ///< within a day, within the day after it, ...
  std::uint64_t later = 0;

  /// `day` below 0: overdue; kDays and above: later.
  void add(std::int64_t day, std::uint64_t grants) {
    std::uint64_t& part = day < 0                                  ? overdue
                          : static_cast<std::size_t>(day) >= kDays ? later
                                                                   : by_day[static_cast<std::size_t>(day)];
    part += grants;
  }
};

}  // namespace keyfob
