#pragma once
// GrantCounts: how many grants there are of each status.

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

}  // namespace keyfob
