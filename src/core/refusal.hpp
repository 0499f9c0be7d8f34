#pragma once
// judge_refusal: a refusal is confirmed, never believed at once (docs/spec/refresh.md). Pure.

#include "core/answer.hpp"
#include "core/grant.hpp"

namespace keyfob {

/// What is known when a refresh token was refused and nothing else could be tried.
struct RefusalFacts {
  GrantStatus status = GrantStatus::active;
  Refusals before{};                 ///< of this generation
  bool certain = false;              ///< a dead_grant answer, not just any 400
  bool stranded = false;             ///< another node's attempt had an unknown outcome: it may hold the pair
  bool outcome_unknown = false;      ///< a use of this token had an unknown outcome
  bool other_refreshed = false;      ///< another grant of the application was refreshed within the last 10 minutes
  std::uint64_t refreshed = 0;       ///< refreshes of the application within the last 10 minutes
  std::uint64_t refused_grants = 0;  ///< distinct grants refused within the last 10 minutes, this one not counted
};

struct RefusalVerdict {
  GrantStatus status = GrantStatus::suspect;
  Refusals refusals{};
  bool burst = false;        ///< too many grants refused at once: nothing is confirmed, the operator is told
  bool confirmed = false;    ///< became needs_reauth now
  Milliseconds next_look{};  ///< when the background asks again
};

inline constexpr Milliseconds kConfirmAfter = seconds(5);
inline constexpr Milliseconds kConfirmAlone = minutes(10);
inline constexpr Milliseconds kHealthWindow = minutes(10);
inline constexpr std::uint64_t kBurstGrants = 5;

[[nodiscard]] RefusalVerdict judge_refusal(const RefusalFacts& facts, WallTime now);

/// At least 5 grants and over 10 % of the application's refreshes in 10 minutes.
[[nodiscard]] bool is_burst(std::uint64_t refused_grants, std::uint64_t refreshed);

}  // namespace keyfob
