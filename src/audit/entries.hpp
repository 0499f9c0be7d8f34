#pragma once
// What a trail writes of its own accord: counts as entries, and entries about itself. Pure.

#include <string_view>

#include "audit/tally.hpp"
#include "base/bytes.hpp"
#include "ports/audit.hpp"

namespace keyfob::audit {

AuditEntry entry_of(TallyCount count);
AuditEntry entry_about_the_trail(WallTime at, std::string_view action, std::string_view outcome);
/// One of those refusals that are counted elsewhere: which route, whose, which request.
AuditEntry particulars_of(const Refusal& refusal, WallTime now);
/// What makes two entries the same, wherever they stand.
[[nodiscard]] Bytes content_of(const AuditEntry& entry);

}  // namespace keyfob::audit
