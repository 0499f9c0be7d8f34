#include "core/refusal.hpp"

#include <algorithm>

namespace keyfob {
namespace {

constexpr Milliseconds kReprobe = hours(6);
constexpr Milliseconds kSlowestReprobe = days(1);

Refusals counted(const RefusalFacts& facts, WallTime now) {
  Refusals refusals = facts.before;
  if (refusals.count == 0) refusals.first_at = now;
  refusals.count += 1;
  refusals.last_at = now;
  refusals.certain = refusals.certain || facts.certain;
  refusals.after_unknown = refusals.after_unknown || facts.outcome_unknown;
  refusals.reason = facts.stranded ? "stranded" : refusals.certain ? "refused" : "suspicious";
  return refusals;
}

/// A second refusal with the provider shown healthy, or much later when nothing can show it.
bool confirmable(const RefusalFacts& facts, const Refusals& refusals, WallTime now) {
  if (facts.before.count == 0 || !refusals.certain || facts.stranded) return false;
  if (facts.other_refreshed) return now - facts.before.last_at >= kConfirmAfter;
  return now - refusals.first_at >= kConfirmAlone;
}

/// Never slower than the health window: a burst must stay visible as one for as long as it lasts.
Milliseconds next_look(const RefusalFacts& facts, const Refusals& refusals) {
  if (refusals.count <= 3) return kConfirmAfter + seconds(1);
  if (facts.other_refreshed && refusals.certain && !facts.stranded) return seconds(30);
  return refusals.count <= 14 ? Milliseconds(seconds(50)) : kHealthWindow * 2 / 5;
}

}  // namespace

bool is_burst(std::uint64_t refused_grants, std::uint64_t refreshed) {
  return refused_grants >= kBurstGrants && refused_grants * 10 > refused_grants + refreshed;
}

RefusalVerdict judge_refusal(const RefusalFacts& facts, WallTime now) {
  RefusalVerdict verdict;
  verdict.refusals = counted(facts, now);
  verdict.burst = is_burst(facts.refused_grants + 1, facts.refreshed);
  verdict.next_look = next_look(facts, verdict.refusals);
  if (facts.status == GrantStatus::revoking) {
    verdict.status = GrantStatus::revoking;
    return verdict;
  }
  if (facts.status == GrantStatus::needs_reauth) {
    verdict.status = GrantStatus::needs_reauth;
    verdict.next_look = std::clamp<Milliseconds>((now - verdict.refusals.first_at) / 2, kReprobe, kSlowestReprobe);
    return verdict;
  }
  if (!verdict.burst && confirmable(facts, verdict.refusals, now)) {
    verdict.status = GrantStatus::needs_reauth;
    verdict.confirmed = true;
    verdict.next_look = kReprobe;
  }
  return verdict;
}

}  // namespace keyfob
