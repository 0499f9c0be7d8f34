#pragma once
// Counting grants, for people who look at the whole: reads every grant's status, on a connection of its own.

#include <string>

#include "base/result.hpp"
#include "core/grant_counts.hpp"

namespace keyfob::sqlite {

[[nodiscard]] Result<GrantCounts> count_grants(const std::string& path);
/// Out of one index, without the grants.
[[nodiscard]] Result<Renewals> count_renewals(const std::string& path, WallTime now);

}  // namespace keyfob::sqlite
