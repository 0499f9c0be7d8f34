#include "gateway/passage.hpp"

namespace keyfob::gateway {

Passage::Act Passage::refuse(GatewayProblem problem) {
  problem_ = problem;
  return Act::answer;
}

bool Passage::needs_grant() const {
  if (facts_.credential == CredentialKind::user || facts_.injects_provider_user || facts_.names_user) return true;
  // An application-wide credential reaches every vehicle: who is limited to users must own the one that is named.
  return facts_.limited_to_users && facts_.names_vehicle;
}

Passage::Act Passage::begin(const PassageFacts& facts) {
  facts_ = facts;
  if (!facts.permitted || !facts.route_allowed) return refuse(GatewayProblem::forbidden);
  if (!facts.user_header_is_sound) return refuse(GatewayProblem::bad_request);
  const bool names_somebody = facts.names_user || facts.names_vehicle;
  const bool reaches_everybody =
      facts.credential == CredentialKind::management || facts.credential == CredentialKind::application;
  // Naming a user narrows what such a credential reaches only if the provider sees the name, too.
  const bool narrowed =
      facts.names_vehicle || (facts.names_user && (facts.injects_provider_user || facts.path_names_user));
  if (facts.limited_to_users && reaches_everybody && !narrowed) return refuse(GatewayProblem::forbidden);
  if (needs_grant() || facts.needs_user) {
    return names_somebody ? Act::find_token : refuse(GatewayProblem::user_required);
  }
  return facts.credential == CredentialKind::none ? Act::send : Act::wait_for_credential;
}

Passage::Act Passage::grant_found(const GrantFit& fit) {
  const bool fits = fit.user_agrees && fit.path_user_agrees && fit.visible;
  // The vehicle is somebody's, but not of the user that the request names.
  if (!fits || asked_for_vehicle_) return refuse(GatewayProblem::forbidden);
  if (facts_.injects_provider_user && !fit.provider_user_known) return refuse(GatewayProblem::user_required);
  const bool at_hand = facts_.credential == CredentialKind::user || facts_.credential == CredentialKind::none;
  return at_hand ? Act::send : Act::wait_for_credential;
}

Passage::Act Passage::token_failed(TokenProblem problem, bool visible) {
  const bool unknown = problem == TokenProblem::unknown_grant;
  if (asked_for_vehicle_) return refuse(unknown ? GatewayProblem::unknown_grant : GatewayProblem::forbidden);
  if (!visible) return refuse(GatewayProblem::forbidden);
  if (unknown && facts_.names_user && facts_.names_vehicle) {
    asked_for_vehicle_ = true;
    return Act::wait_for_vehicle;
  }
  return refuse(problem_of(problem));
}

Passage::Act Passage::response(int status, bool replayable) {
  const bool renewable = facts_.credential == CredentialKind::user || facts_.credential == CredentialKind::application;
  if (status != 401 || !renewable) return Act::pass;
  if (replayed_) return facts_.credential == CredentialKind::user ? Act::pass_refused_again : Act::pass;
  replayed_ = true;
  if (!replayable) return Act::pass_unreplayed;
  return facts_.credential == CredentialKind::user ? Act::wait_for_refresh : Act::renew_credential;
}

Passage::Act Passage::refreshed(bool newer) { return newer ? Act::send : Act::pass; }

}  // namespace keyfob::gateway
