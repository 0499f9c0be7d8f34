#include "gateway/passage.hpp"

#include <gtest/gtest.h>

namespace keyfob::gateway {
namespace {

using Act = Passage::Act;

PassageFacts allowed(CredentialKind credential) {
  return {.credential = credential, .permitted = true, .route_allowed = true, .names_vehicle = true};
}

GatewayProblem refusal(const PassageFacts& facts) {
  Passage passage;
  EXPECT_EQ(passage.begin(facts), Act::answer);
  return passage.problem();
}

TEST(Passage, refuses_before_it_looks_for_a_token) {
  PassageFacts facts = allowed(CredentialKind::user);
  facts.permitted = false;
  EXPECT_EQ(refusal(facts), GatewayProblem::forbidden);
  facts = allowed(CredentialKind::user);
  facts.route_allowed = false;
  EXPECT_EQ(refusal(facts), GatewayProblem::forbidden);
  facts = allowed(CredentialKind::user);
  facts.user_header_is_sound = false;
  EXPECT_EQ(refusal(facts), GatewayProblem::bad_request);
  facts = allowed(CredentialKind::user);
  facts.names_vehicle = false;
  EXPECT_EQ(refusal(facts), GatewayProblem::user_required);
}

TEST(Passage, keeps_a_limited_caller_from_credentials_that_reach_everybody) {
  for (const CredentialKind kind : {CredentialKind::management, CredentialKind::application}) {
    PassageFacts facts = allowed(kind);
    facts.limited_to_users = true;
    facts.names_vehicle = false;
    EXPECT_EQ(refusal(facts), GatewayProblem::forbidden);
    facts.names_vehicle = true;
    Passage passage;
    EXPECT_EQ(passage.begin(facts), Act::find_token) << "the named vehicle must be shown to be the caller's";
    EXPECT_EQ(passage.grant_found({.visible = false}), Act::answer);
    EXPECT_EQ(passage.problem(), GatewayProblem::forbidden);
  }
}

TEST(Passage, a_user_header_does_not_open_what_reaches_everybody) {
  for (const CredentialKind kind : {CredentialKind::management, CredentialKind::application}) {
    PassageFacts facts = allowed(kind);
    facts.limited_to_users = true;
    facts.names_vehicle = false;
    facts.names_user = true;
    EXPECT_EQ(refusal(facts), GatewayProblem::forbidden) << "the provider would not see the name";
    facts.path_names_user = true;
    Passage passage;
    EXPECT_EQ(passage.begin(facts), Act::find_token) << "the path's user must be shown to be the caller's";
  }
}

TEST(Passage, takes_each_kind_of_credential_from_its_own_source) {
  Passage user;
  EXPECT_EQ(user.begin(allowed(CredentialKind::user)), Act::find_token);
  EXPECT_EQ(user.grant_found({}), Act::send);
  Passage management;
  EXPECT_EQ(management.begin(allowed(CredentialKind::management)), Act::wait_for_credential);
  EXPECT_EQ(management.credential_ready(), Act::send);
  Passage none;
  EXPECT_EQ(none.begin(allowed(CredentialKind::none)), Act::send);
  PassageFacts facts = allowed(CredentialKind::application);
  facts.injects_provider_user = true;
  Passage application;
  EXPECT_EQ(application.begin(facts), Act::find_token);
  EXPECT_EQ(application.grant_found({}), Act::wait_for_credential);
}

TEST(Passage, never_sends_for_a_grant_that_does_not_fit) {
  for (const GrantFit& fit :
       {GrantFit{.user_agrees = false}, GrantFit{.path_user_agrees = false}, GrantFit{.visible = false}}) {
    Passage passage;
    EXPECT_EQ(passage.begin(allowed(CredentialKind::user)), Act::find_token);
    EXPECT_EQ(passage.grant_found(fit), Act::answer);
    EXPECT_EQ(passage.problem(), GatewayProblem::forbidden);
  }
}

TEST(Passage, tells_an_unknown_vehicle_from_one_of_another_user) {
  PassageFacts facts = allowed(CredentialKind::user);
  facts.names_user = true;
  Passage foreign;
  EXPECT_EQ(foreign.begin(facts), Act::find_token);
  EXPECT_EQ(foreign.token_failed(TokenProblem::unknown_grant, true), Act::wait_for_vehicle);
  EXPECT_EQ(foreign.grant_found({.user_agrees = false}), Act::answer);
  EXPECT_EQ(foreign.problem(), GatewayProblem::forbidden);
  Passage unknown;
  EXPECT_EQ(unknown.begin(facts), Act::find_token);
  EXPECT_EQ(unknown.token_failed(TokenProblem::unknown_grant, true), Act::wait_for_vehicle);
  EXPECT_EQ(unknown.token_failed(TokenProblem::unknown_grant, true), Act::answer);
  EXPECT_EQ(unknown.problem(), GatewayProblem::unknown_grant);
}

TEST(Passage, says_nothing_about_the_grants_of_users_that_the_caller_may_not_see) {
  Passage passage;
  EXPECT_EQ(passage.begin(allowed(CredentialKind::user)), Act::find_token);
  EXPECT_EQ(passage.token_failed(TokenProblem::needs_reauth, false), Act::answer);
  EXPECT_EQ(passage.problem(), GatewayProblem::forbidden);
}

Passage sent(CredentialKind kind) {
  Passage passage;
  static_cast<void>(passage.begin(allowed(kind)));
  static_cast<void>(passage.grant_found({}));
  return passage;
}

TEST(Passage, refreshes_and_replays_once_after_a_401) {
  Passage passage = sent(CredentialKind::user);
  EXPECT_EQ(passage.response(401, true), Act::wait_for_refresh);
  EXPECT_EQ(passage.refreshed(true), Act::send);
  EXPECT_EQ(passage.response(401, true), Act::pass_refused_again);
}

TEST(Passage, passes_a_401_when_there_is_no_newer_token) {
  Passage passage = sent(CredentialKind::user);
  EXPECT_EQ(passage.response(401, true), Act::wait_for_refresh);
  EXPECT_EQ(passage.refreshed(false), Act::pass);
}

TEST(Passage, passes_everything_but_a_401) {
  for (const int status : {200, 204, 302, 400, 403, 409, 429, 430, 500, 501, 503}) {
    EXPECT_EQ(sent(CredentialKind::user).response(status, true), Act::pass) << status;
  }
}

TEST(Passage, does_not_replay_what_is_no_longer_in_memory) {
  EXPECT_EQ(sent(CredentialKind::user).response(401, false), Act::pass_unreplayed);
}

TEST(Passage, renews_an_application_token_but_no_fixed_credential) {
  Passage passage = sent(CredentialKind::application);
  EXPECT_EQ(passage.response(401, true), Act::renew_credential);
  EXPECT_EQ(passage.credential_renewed(false), Act::pass);
  EXPECT_EQ(passage.credential_renewed(true), Act::send);
  EXPECT_EQ(passage.response(401, true), Act::pass);
  for (const CredentialKind kind : {CredentialKind::management, CredentialKind::client, CredentialKind::none}) {
    EXPECT_EQ(sent(kind).response(401, true), Act::pass);
  }
}

}  // namespace
}  // namespace keyfob::gateway
