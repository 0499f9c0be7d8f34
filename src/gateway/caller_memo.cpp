#include "gateway/caller_memo.hpp"

namespace keyfob::gateway {

bool CallerMemo::still_holds(const Gatekeeper& gatekeeper, const Clock& clock, const Evidence& evidence) const {
  if (admission_ == nullptr || revision_ != gatekeeper.revision()) return false;
  // A connection may be shared by callers behind a proxy: a wrong key must not be told from the right one by time.
  if (!equal_constant_time(as_bytes(authorization_), as_bytes(evidence.authorization))) return false;
  return !admission_->expires_at || clock.wall() < *admission_->expires_at;
}

std::expected<const Admission*, AccessProblem> CallerMemo::admit(Gatekeeper& gatekeeper, const Clock& clock,
                                                                 const Evidence& evidence, const Plan& plan) {
  if (still_holds(gatekeeper, clock, evidence)) return admission_.get();
  admission_.reset();
  // Read before asking: a change in between makes the memo older than it is, never newer.
  const std::uint64_t revision = gatekeeper.revision();
  auto admitted = gatekeeper.admit(evidence);
  if (!admitted) return std::unexpected(admitted.error());
  revision_ = revision;
  remember(std::move(*admitted), evidence, plan);
  return admission_.get();
}

void CallerMemo::remember(std::shared_ptr<const Admission> admission, const Evidence& evidence, const Plan& plan) {
  admission_ = std::move(admission);
  authorization_ = wiped_string(evidence.authorization);
  provider_ = plan.provider(admission_->provider);
  limits_.reset();
  limits_are_sound_ = true;
  if (admission_->routes.empty()) return;
  auto limits = RouteLimits::compile(admission_->routes);
  limits_are_sound_ = limits.has_value();
  if (limits) limits_ = std::move(*limits);
}

bool CallerMemo::allows(std::string_view method, std::string_view path) const {
  return limits_are_sound_ && (!limits_ || limits_->allows(method, path));
}

}  // namespace keyfob::gateway
