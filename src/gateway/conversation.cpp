#include "gateway/conversation.hpp"

#include "core/limits.hpp"
#include "gateway/attention.hpp"
#include "http/body_sample.hpp"
#include "http/inflate.hpp"

namespace keyfob::gateway {
namespace {

constexpr std::string_view kUserHeader = "keyfob-user";

}  // namespace

bool GatewayConversation::UsedGrant::set(const SubjectNames& names, std::string_view grant, GrantVersion at) {
  version = at;
  return id.assign(grant) && user.assign(names.user) && provider_user.assign(names.provider_user);
}

void GatewayConversation::on_request(http::Exchange& exchange) {
  route_ = {};
  passage_ = {};
  credential_ = 0;
  watched_ = 0;
  has_grant_ = refreshed_ = counted_ = unreplayed_ = waiting_ = called_api_ = false;
  caller_ = nullptr;
  grant_.id.resize(0);
  request_id_.resize(0);
  if (thread_.ports.requests != nullptr && thread_.ports.requests->wants(0)) keep_trail(exchange.request());
  answered_ = GatewayProblem::none;
  const std::string_view path = exchange.request().path();
  if (thread_.options.is_api && thread_.options.is_api(path)) {
    verdict_ = is_authz(path);
    class_ = verdict_ ? RequestClass::authz : class_of_api(path);
    return verdict_ ? decide(exchange, wanted_by(exchange.request())) : serve_api(exchange);
  }
  verdict_ = false;
  class_ = RequestClass::gateway;
  decide(exchange, Wanted{exchange.request().method_name(), path});
}

void GatewayConversation::decide(http::Exchange& exchange, const std::optional<Wanted>& wanted) {
  wanted_ = wanted.value_or(Wanted{});
  if (!identify(exchange)) return;
  read_user_header(exchange.request());
  act(exchange, passage_.begin(facts()));
}

void GatewayConversation::serve_api(http::Exchange& exchange) {
  DirectAnswers* const direct = thread_.direct.get();
  if (direct != nullptr && direct->wants(exchange.request()) && direct->answer(exchange, caller_of(exchange))) return;
  called_api_ = true;
  exchange.call(thread_.options.api);
}

std::expected<const Admission*, AccessProblem> GatewayConversation::caller_of(const http::Exchange& exchange) {
  const http::Peer& peer = exchange.peer();
  const Evidence evidence{exchange.request().authorization(), peer.uid, peer.certificate_name, peer.name};
  return memo_.admit(thread_.ports.gatekeeper, thread_.ports.clock, evidence, *thread_.plan);
}

bool GatewayConversation::identify(http::Exchange& exchange) {
  const auto admitted = caller_of(exchange);
  if (!admitted) {
    const bool throttled = admitted.error() == AccessProblem::throttled;
    problem(exchange, throttled ? GatewayProblem::throttled : GatewayProblem::unauthenticated);
    return false;
  }
  caller_ = *admitted;
  if (memo_.provider() != nullptr) {
    route_ = memo_.provider()->table.match(wanted_.method, wanted_.path, {.v3_credentials = caller_->v3_credentials});
  }
  if (route_.outcome == RouteOutcome::matched) return true;
  const bool bad = route_.outcome == RouteOutcome::bad_path;
  problem(exchange, bad ? GatewayProblem::bad_request : GatewayProblem::no_route);
  return false;
}

void GatewayConversation::read_user_header(const http::RequestHead& head) {
  const auto user = head.find(kUserHeader);
  named_user_ = user.value_or(std::string_view());
  user_header_is_sound_ = !user || (!user->empty() && user->size() <= limits::kUserId && head.count(kUserHeader) == 1);
  // Who is kept to one user need not name it, where the route is about somebody at all.
  if (!user && caller_->users.size() == 1 && is_about_somebody()) named_user_ = *caller_->users.begin();
}

bool GatewayConversation::is_about_somebody() const {
  const RouteRule& rule = *route_.rule;
  return rule.credential == CredentialKind::user || rule.needs_user || !route_.vehicle.empty() ||
         memo_.provider()->routes[route_.index].injects_provider_user;
}

PassageFacts GatewayConversation::facts() const {
  const RoutePlan& plan = memo_.provider()->routes[route_.index];
  return {
      .credential = route_.rule->credential,
      .needs_user = route_.rule->needs_user,
      .injects_provider_user = plan.injects_provider_user,
      .permitted = plan.permission && caller_->permissions.has(*plan.permission) &&
                   (!verdict_ || caller_->permissions.has(Permission::token_read)),
      .route_allowed = memo_.allows(wanted_.method, wanted_.path),
      .limited_to_users = !caller_->users.empty(),
      .user_header_is_sound = user_header_is_sound_,
      .names_user = !named_user_.empty(),
      .names_vehicle = !route_.vehicle.empty(),
      .path_names_user = !route_.user.empty(),
  };
}

std::string_view GatewayConversation::why() const {
  const bool unnamed = has_grant_ && passage_.problem() == GatewayProblem::user_required;
  return unnamed ? "the grant's owner is not known by the provider's id: import it with provider_user, or connect again"
                 : std::string_view();
}

void GatewayConversation::act(http::Exchange& exchange, Passage::Act next) {
  using Act = Passage::Act;
  switch (next) {
    case Act::answer: return problem(exchange, passage_.problem(), {.detail = std::string(why())});
    case Act::find_token: return find_token(exchange);
    case Act::wait_for_token: return wait_for_token(exchange, named_user_);
    case Act::wait_for_vehicle: return wait_for_token(exchange, {});
    case Act::wait_for_refresh: return wait_for_refresh(exchange);
    case Act::pass_refused_again:
      thread_.ports.tokens.refused_again(used_ref(), grant_.version, std::string(route_.vehicle));
      return pass(exchange);
    case Act::renew_credential: return wait_for_credential(exchange);
    case Act::wait_for_credential: return find_credential(exchange);
    case Act::send: return send(exchange);
    case Act::pass: return pass(exchange);
    case Act::pass_unreplayed:
      unreplayed_ = true;
      refresh_for_the_next();
      return pass(exchange);
  }
}

void GatewayConversation::find_token(http::Exchange& exchange) {
  TokenSlot& slot = thread_.slot;
  const Subject subject{.user = named_user_, .vehicle = route_.vehicle};
  if (!thread_.ports.tokens.try_get(caller_->app, subject, slot)) return act(exchange, passage_.not_at_hand());
  const SubjectNames names{slot.user, slot.provider_user, route_.vehicle};
  const Passage::Act next = passage_.grant_found(fit_of(names));
  has_grant_ = grant_.set(names, slot.grant, slot.version);
  const bool injects = next == Passage::Act::send && route_.rule->credential == CredentialKind::user;
  const bool injected = !injects || inject_token(exchange.inject(), route_.rule->scheme, slot.token.view());
  slot.clear();
  if (!injected || !has_grant_) return problem(exchange, GatewayProblem::record_damaged);
  act(exchange, next);
}

GrantFit GatewayConversation::fit_of(const SubjectNames& grant) const {
  return {
      .user_agrees = named_user_.empty() || named_user_ == grant.user,
      .path_user_agrees = route_.user.empty() || route_.user == grant.provider_user,
      .visible = caller_->may_see(grant.user),
      .provider_user_known = !grant.provider_user.empty(),
  };
}

GrantRef GatewayConversation::used_ref() const { return {caller_->app, GrantId(grant_.id.view())}; }

void GatewayConversation::token_answered(http::Exchange& exchange, TokenAnswered answer) {
  waiting_ = false;
  if (!answer) return token_failed(exchange, answer.error());
  const SubjectNames names{answer->user.view(), answer->provider_user.view(), route_.vehicle};
  const Passage::Act next = passage_.grant_found(fit_of(names));
  has_grant_ = grant_.set(names, answer->ref.grant.view(), answer->version);
  refreshed_ = refreshed_ || answer->refreshed;
  const bool injects = next == Passage::Act::send && route_.rule->credential == CredentialKind::user;
  const bool injected = !injects || inject_token(exchange.inject(), route_.rule->scheme, answer->token);
  if (!injected || !has_grant_) return problem(exchange, GatewayProblem::record_damaged);
  act(exchange, next);
}

void GatewayConversation::refresh_answered(http::Exchange& exchange, TokenAnswered answer) {
  waiting_ = false;
  if (!answer) return token_failed(exchange, answer.error());
  const bool newer = answer->refreshed || answer->version != grant_.version;
  refreshed_ = refreshed_ || answer->refreshed;
  grant_.version = answer->version;
  const Passage::Act next = passage_.refreshed(newer);
  if (next == Passage::Act::send && !inject_token(exchange.inject(), route_.rule->scheme, answer->token)) {
    return problem(exchange, GatewayProblem::record_damaged);
  }
  act(exchange, next);
}

void GatewayConversation::find_credential(http::Exchange& exchange) {
  CredentialSlot& slot = thread_.credential;
  const CredentialKind kind = route_.rule->credential;
  if (!thread_.ports.credentials.try_authorization(caller_->app, kind, slot)) return wait_for_credential(exchange);
  credential_ = slot.serial;
  const bool injected = inject_authorization(exchange.inject(), slot.value.view());
  slot.value.clear_and_wipe();
  if (!injected) return problem(exchange, GatewayProblem::record_damaged);
  act(exchange, passage_.credential_ready());
}

void GatewayConversation::credential_answered(http::Exchange& exchange, CredentialAnswered answer) {
  waiting_ = false;
  if (!answer) return token_failed(exchange, answer.error());
  const bool renewed = credential_ != 0;
  const Passage::Act next =
      renewed ? passage_.credential_renewed(answer->serial != credential_) : passage_.credential_ready();
  refreshed_ = refreshed_ || (renewed && answer->serial != credential_);
  credential_ = answer->serial;
  if (next == Passage::Act::send && !inject_authorization(exchange.inject(), answer->value)) {
    return problem(exchange, GatewayProblem::record_damaged);
  }
  act(exchange, next);
}

/// The application's own token goes out; of the grant only its owner's id is wanted, and that is known although the
/// owner's pair cannot be used now. Never for a grant that was revoked, or whose association does not verify.
bool GatewayConversation::needs_no_token(const TokenFailure& failure) const {
  const bool application = route_.rule->credential == CredentialKind::application;
  if (!application || failure.provider_user.empty() || credential_ != 0) return false;
  switch (failure.problem) {
    case TokenProblem::needs_reauth:
    case TokenProblem::refresh_refused:
    case TokenProblem::provider_unavailable:
    case TokenProblem::application_suspended: return true;
    case TokenProblem::unknown_grant:
    case TokenProblem::ambiguous_grant:
    case TokenProblem::revoked:
    case TokenProblem::record_damaged:
    case TokenProblem::store_unavailable: return false;
  }
  return false;
}

void GatewayConversation::token_failed(http::Exchange& exchange, const TokenFailure& failure) {
  const bool visible = failure.user.empty() || caller_->may_see(failure.user.view());
  if (needs_no_token(failure)) {
    const SubjectNames names{failure.user.view(), failure.provider_user.view(), route_.vehicle};
    has_grant_ = grant_.set(names, failure.ref.grant.view(), {});
    if (!has_grant_) return problem(exchange, GatewayProblem::record_damaged);
    return act(exchange, passage_.grant_found(fit_of(names)));
  }
  const Passage::Act next = passage_.token_failed(failure.problem, visible);
  if (next != Passage::Act::answer) return act(exchange, next);
  if (passage_.problem() != problem_of(failure.problem)) return problem(exchange, passage_.problem());
  problem(exchange, passage_.problem(), {failure.detail, failure.retry_after, failure.user, failure.vehicles});
}

void GatewayConversation::send(http::Exchange& exchange) {
  const RoutePlan& plan = memo_.provider()->routes[route_.index];
  const SubjectNames names{grant_.user.view(), grant_.provider_user.view(), route_.vehicle};
  if (!inject_names(exchange.inject(), plan, has_grant_ ? names : SubjectNames{.vehicle = route_.vehicle})) {
    return problem(exchange, GatewayProblem::record_damaged);
  }
  if (verdict_) {
    AuditLog* const audit = thread_.ports.audit;
    const bool on_record = audit == nullptr || audit->count_disclosure(token_use());
    return on_record ? allow(exchange) : wait_for_record(exchange);
  }
  if (left_alone(exchange)) return;
  count_use();
  exchange.forward(thread_.origins.of(*memo_.provider(), route_.index));
}

/// Before it goes out, and once, however often it is sent: nothing that was asked of the API is missing from the trail.
void GatewayConversation::count_use() {
  if (thread_.ports.audit == nullptr || std::exchange(counted_, true)) return;
  thread_.ports.audit->count_use(token_use());
}

void GatewayConversation::allow(http::Exchange& exchange) {
  http::HeaderBlock& headers = exchange.inject();
  bool fits = headers.add("Keyfob-Origin", route_.rule->origin) && headers.add("Cache-Control", "no-store");
  if (has_grant_) fits = headers.add("Keyfob-Grant", grant_.id.view()) && fits;
  if (refreshed_) fits = headers.add("Keyfob-Refreshed", "1") && fits;
  if (!fits) return problem(exchange, GatewayProblem::internal);
  if (thread_.ports.metrics != nullptr) thread_.ports.metrics->count("keyfob_gateway_authz_allowed_total", {});
  exchange.respond(http::Answer{.status = 200, .headers = headers.lines()});
  headers.clear();
}

bool GatewayConversation::left_alone(http::Exchange& exchange) {
  if (thread_.throttled == nullptr || route_.vehicle.empty()) return false;
  const Milliseconds wait = thread_.throttled->left(caller_->app, route_.vehicle, thread_.ports.clock.boot());
  if (wait <= Milliseconds(0)) return false;
  problem(exchange, GatewayProblem::vehicle_throttled, {.retry_after = wait});
  return true;
}

void GatewayConversation::remember_throttling(const http::ResponseHead& head) {
  if (thread_.throttled == nullptr || route_.vehicle.empty() || head.status != 429) return;
  const auto wait = retry_after_seconds(head.find("retry-after").value_or(std::string_view()));
  if (wait) thread_.throttled->remember(caller_->app, route_.vehicle, thread_.ports.clock.boot(), *wait);
}

void GatewayConversation::on_response(http::Exchange& exchange, const http::ResponseHead& head) {
  const Passage::Act next = passage_.response(head.status, exchange.replayable());
  if (next == Passage::Act::pass) watch(exchange, head);
  remember_throttling(head);
  act(exchange, next);
}

/// The body passes as it comes; a look at its beginning is had when it is over.
void GatewayConversation::watch(http::Exchange& exchange, const http::ResponseHead& head) {
  if (!has_grant_ || thread_.ports.attention == nullptr) return;
  if (!may_ask_for_owner(memo_.provider()->attention, head.status)) return;
  if (!watched_coding_.assign(head.find("content-encoding").value_or(std::string_view()))) return;
  watched_ = head.status;
  exchange.sample();
}

void GatewayConversation::note_attention(std::string_view sample) {
  const std::string body = http::decoded_beginning(watched_coding_.view(), sample, 2 * http::BodySample::kCapacity);
  auto reason = attention_in(memo_.provider()->attention, watched_, body);
  if (reason) thread_.ports.attention->note(used_ref(), std::move(*reason), std::string(route_.vehicle));
}

void GatewayConversation::pass(http::Exchange& exchange) {
  http::HeaderBlock& add = exchange.add();
  bool fits = !has_grant_ || add.add("Keyfob-Grant", grant_.id.view());
  if (refreshed_) fits = add.add("Keyfob-Refreshed", "1") && fits;
  if (unreplayed_) fits = add.add("Keyfob-Not-Replayed", "the body is larger than max_body") && fits;
  // An id of ours always fits; a response is not held back for its decoration.
  static_cast<void>(fits);
  exchange.pass();
}

void GatewayConversation::on_failure(http::Exchange& exchange, http::UpstreamFailure failure) {
  if (std::exchange(waiting_, false)) return problem(exchange, GatewayProblem::timeout);
  switch (failure) {
    case http::UpstreamFailure::unreachable: return problem(exchange, GatewayProblem::upstream_unreachable);
    case http::UpstreamFailure::timeout: return problem(exchange, GatewayProblem::upstream_timeout);
    case http::UpstreamFailure::malformed:
      return problem(exchange, GatewayProblem::upstream_unreachable, {"the provider's answer was not strict HTTP/1.1"});
    case http::UpstreamFailure::busy:
      return problem(exchange, GatewayProblem::provider_unavailable, {"too many requests are under way", seconds(1)});
  }
}

void GatewayConversation::keep_trail(const http::RequestHead& head) {
  const auto given = head.find("x-request-id");
  const bool sound = given && http::is_request_id(*given);
  static_cast<void>(request_id_.assign(sound ? *given : std::string_view()));
  if (!traceparent_.assign(head.find("traceparent").value_or(std::string_view()))) traceparent_.resize(0);
  if (!method_.assign(head.method_name())) method_.resize(0);
}

void GatewayConversation::problem(http::Exchange& exchange, GatewayProblem problem, const ProblemDetails& details) {
  answered_ = problem;
  exchange.inject().clear();
  keep_trail(exchange.request());
  if (request_id_.view().empty())
    static_cast<void>(request_id_.assign(thread_.request_ids->next(thread_.ports.clock.wall())));
  const std::string_view id = request_id_.view();
  count_refusal(id);
  exchange.respond(verdict_ ? to_verdict(problem, details, id) : to_response(problem, details, id));
}

/// Which route was refused to whom; the path itself may hold anything.
void GatewayConversation::count_refusal(std::string_view request_id) {
  const int status = status_of(answered_);
  if (thread_.ports.audit == nullptr || (status != 401 && status != 403 && status != 429)) return;
  const bool known = caller_ != nullptr && answered_ != GatewayProblem::unauthenticated;
  std::string asked(method_.view());
  if (known && route_.rule != nullptr) asked.append(" ").append(route_.rule->match);
  thread_.ports.audit->count_refusal({.actor = known ? std::string_view(caller_->name) : std::string_view(),
                                      .code = code_of(answered_),
                                      .asked = asked,
                                      .user = known ? named_user_ : std::string_view(),
                                      .request_id = request_id});
}

/// The API tells its own requests; what was answered on its shortest way is told here.
void GatewayConversation::tell(const http::Outcome& outcome) const {
  RequestLog* const log = thread_.ports.requests;
  if (log == nullptr || called_api_ || !log->wants(outcome.status)) return;
  const bool ours = answered_ != GatewayProblem::none;
  std::string_view route = class_ == RequestClass::token ? "/v1/token" : "";
  if (route_.rule != nullptr) route = route_.rule->match;
  log->write({.method = method_.view(),
              .route = route,
              .caller = caller_ != nullptr ? std::string_view(caller_->name) : std::string_view(),
              .grant = grant_.id.view(),
              .code = ours ? code_of(answered_) : std::string_view(),
              .status = outcome.status,
              .duration = outcome.duration,
              .request_id = request_id_.view(),
              .traceparent = traceparent_.view()});
}

void GatewayConversation::on_end(const http::Outcome& outcome) {
  if (watched_ != 0) note_attention(outcome.sample);
  tell(outcome);
  if (thread_.ports.metrics == nullptr) return;
  count_request(*thread_.ports.metrics, class_, outcome);
  if (!outcome.forwarded && answered_ == GatewayProblem::none) return;
  if (answered_ != GatewayProblem::none) {
    const std::string label = "code=" + std::string(code_of(answered_));
    thread_.ports.metrics->count("keyfob_gateway_problems_total", label);
  } else {
    thread_.ports.metrics->count("keyfob_gateway_passed_total", outcome.complete ? "outcome=whole" : "outcome=cut");
  }
}

}  // namespace keyfob::gateway
