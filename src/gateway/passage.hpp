#pragma once
// Passage: one request's way through the gateway as a pure machine: event in, act out. It decides what may be sent
// with which credential and what a 401 means; it touches neither tokens nor sockets.

#include <cstdint>
#include <string_view>

#include "core/provider.hpp"
#include "gateway/problem.hpp"

namespace keyfob::gateway {

/// What is known before any token is looked for.
struct PassageFacts {
  CredentialKind credential = CredentialKind::user;
  bool needs_user = false;             ///< RouteRule::needs_user
  bool injects_provider_user = false;  ///< a header of the route is made from the grant's provider user
  bool permitted = false;              ///< the caller has the route's permission
  bool route_allowed = false;          ///< and the caller's own list of routes admits it
  bool limited_to_users = false;       ///< the caller may see some users only
  bool user_header_is_sound = true;    ///< Keyfob-User occurs at most once and is not too long
  bool names_user = false;             ///< by Keyfob-User, or the caller is kept to one user
  bool names_vehicle = false;          ///< by the path
  bool path_names_user = false;  ///< a {user} of the path, the provider's id; checked against the grant of names_user
};

/// How the grant that was found fits the request.
struct GrantFit {
  bool user_agrees = true;       ///< with Keyfob-User, where there is one
  bool path_user_agrees = true;  ///< with a {user} of the path, which is the provider's user id
  bool visible = true;           ///< the caller may see the grant's user
  bool provider_user_known = true;
};

class Passage {
 public:
  enum class Act : std::uint8_t {
    answer,               ///< with problem()
    find_token,           ///< TokenSource::try_get; then grant_found or not_at_hand
    wait_for_token,       ///< TokenSource::get for what the request names; then grant_found or token_failed
    wait_for_vehicle,     ///< the same for the vehicle alone, to tell "someone else's" from "unknown"
    wait_for_credential,  ///< CredentialSource::authorization; then credential_ready or token_failed
    send,                 ///< inject and forward
    pass,                 ///< let the response through
    pass_refused_again,   ///< as pass, and TokenSource::refused_again: a rotation did not help
    pass_unreplayed,      ///< as pass, and tell the caller; the token is refreshed nevertheless, for the next request
    wait_for_refresh,     ///< TokenSource::after_refusal; then refreshed or token_failed
    renew_credential,     ///< CredentialSource::authorization anew; then credential_renewed or token_failed
  };

  [[nodiscard]] Act begin(const PassageFacts& facts);
  [[nodiscard]] Act not_at_hand() const { return Act::wait_for_token; }
  [[nodiscard]] Act grant_found(const GrantFit& fit);
  [[nodiscard]] Act credential_ready() const { return Act::send; }
  [[nodiscard]] Act credential_renewed(bool newer) const { return newer ? Act::send : Act::pass; }
  /// `visible`: the caller may see the user that the failure is about, if it names one.
  [[nodiscard]] Act token_failed(TokenProblem problem, bool visible);
  /// The final response head. `replayable`: the whole request is still in memory.
  [[nodiscard]] Act response(int status, bool replayable);
  /// after_refusal answered. `newer`: there is a token other than the refused one.
  [[nodiscard]] Act refreshed(bool newer);

  [[nodiscard]] GatewayProblem problem() const { return problem_; }

 private:
  [[nodiscard]] Act refuse(GatewayProblem problem);
  [[nodiscard]] bool needs_grant() const;

  PassageFacts facts_{};
  GatewayProblem problem_ = GatewayProblem::none;
  bool asked_for_vehicle_ = false;
  bool replayed_ = false;
};

}  // namespace keyfob::gateway
