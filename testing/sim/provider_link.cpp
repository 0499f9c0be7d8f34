#include "testing/sim/provider_link.hpp"

#include <fmt/format.h>

namespace keyfob::simulated {
namespace {

TokenAnswer plain(Disposition disposition, int status, std::string error = {}) {
  TokenAnswer answer;
  answer.disposition = disposition;
  answer.status = status;
  answer.error = std::move(error);
  return answer;
}

/// A refresh token, or the code that an owner brought back: "c" and his number.
std::string sent_in(const TokenRequest& request) {
  const auto* code = std::get_if<CodeGrant>(&request.grant);
  return std::string(code != nullptr ? reveal_secret(code->code)
                                     : reveal_secret(std::get<RefreshGrant>(request.grant).refresh_token));
}

Milliseconds way(Dice& dice) { return dice.between(Milliseconds(2), Milliseconds(dice.chance(0.1) ? 300 : 30)); }

}  // namespace

Task<TokenAnswer> ProviderLink::exchange(TokenRequest request, ExchangeLimits limits) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await clock_.sleep(way(stage_.dice));  // to connect
  if (is(Trouble::cut_provider)) {
    if (stage_.dice.chance(0.5)) co_await clock_.sleep(std::max(Milliseconds(0), limits.send_before - clock_.boot()));
    co_return plain(Disposition::unsent, 0);
  }
  if (clock_.boot() > limits.send_before) co_return plain(Disposition::unsent, 0);
  const std::string token = sent_in(request);
  if (stage_.trace.on()) stage_.trace.say(node_, "sends " + token);
  stage_.oracle.sent(node_, token);
  stage_.milestone(node_, Milestone::sent);
  auto reply = std::make_shared<Answer>(ready_);
  stage_.time.after(way(stage_.dice), [this, token, reply] { arrive(token, reply); });
  const auto give_up =
      stage_.time.after(limits.give_up_at - clock_.boot(), [reply] { reply->give(plain(Disposition::unknown, 0)); });
  TokenAnswer answer = co_await Answer::wait(reply);
  stage_.time.cancel(give_up);
  if (stage_.trace.on()) {
    stage_.trace.say(node_, fmt::format("the answer to {} is {} {}", token, to_string(answer.disposition),
                                        answer.refresh ? std::string(reveal_secret(*answer.refresh)) : ""));
  }
  stage_.milestone(node_, Milestone::answered);
  co_return answer;
}

TokenAnswer ProviderLink::answer_to(const std::string& token) {
  Dice& dice = stage_.dice;
  if (is(Trouble::provider_errors) && dice.chance(0.4)) return plain(Disposition::unknown, 503);
  if (is(Trouble::provider_throttles)) {
    TokenAnswer answer = plain(Disposition::throttled, 429);
    answer.retry_after = dice.between(seconds(1), seconds(4));
    return answer;
  }
  if (is(Trouble::provider_wrong_client)) return plain(Disposition::configuration, 401, "invalid_client");
  const bool refuses = is(Trouble::provider_refuses);
  if (refuses || (is(Trouble::provider_unsound) && dice.chance(0.5))) {
    stage_.oracle.lied(token);
    return plain(refuses ? Disposition::refused : Disposition::suspicious, 400, "invalid_request");
  }
  const auto pair = give(token);
  if (!pair) {
    stage_.oracle.refused(token);
    stage_.milestone(node_, Milestone::refused);
    return plain(Disposition::refused, 400, "invalid_request");
  }
  stage_.milestone(node_, Milestone::rotated);
  if (is(Trouble::provider_errors)) return plain(Disposition::unknown, 502);
  if (is(Trouble::provider_garbage)) return plain(Disposition::unknown, 200);
  TokenAnswer answer = plain(Disposition::done, 200);
  if (!pair->refresh.empty()) answer.refresh = RefreshToken(pair->refresh);
  answer.access = AccessToken(pair->access);
  answer.expires_in = stage_.plan.provider.access_ttl;
  if (is(Trouble::provider_half_answers) && answer.refresh && dice.chance(0.7)) {
    answer.access.reset();
    answer.disposition = Disposition::unknown;
  }
  return answer;
}

std::optional<ProviderModel::Pair> ProviderLink::give(const std::string& sent) {
  if (!sent.starts_with("c")) return stage_.provider.use(sent, stage_.time.now());
  return stage_.provider.issue(stage_.provider.consent(std::stoi(sent.substr(1))), stage_.time.now());
}

void ProviderLink::arrive(const std::string& token, const std::shared_ptr<Answer>& reply) {
  if (is(Trouble::cut_provider) || is(Trouble::provider_loses_requests)) return;
  TokenAnswer answer = answer_to(token);
  if (stage_.trace.on()) {
    stage_.trace.say(-1, fmt::format("the provider answers {} with {} {}", token, to_string(answer.disposition),
                                     answer.refresh ? std::string(reveal_secret(*answer.refresh)) : ""));
  }
  if (is(Trouble::provider_loses_answers) && stage_.dice.chance(0.8)) return;
  Milliseconds back = way(stage_.dice);
  if (is(Trouble::provider_slow)) {
    back = stage_.dice.between(stage_.plan.config.timeout / 2, stage_.plan.provider.window * 3 / 4);
  }
  auto deliver = [this, token, reply, answer = std::move(answer)]() mutable {
    if (is(Trouble::cut_provider)) return;
    if (reply->over() && answer.refresh) stage_.oracle.unread(node_, token);
    if (!reply->wanted()) return;
    if (answer.refresh) stage_.oracle.answered(node_, std::string(reveal_secret(*answer.refresh)));
    reply->give(std::move(answer));
  };
  stage_.time.after(back, std::move(deliver));
}

/// Slow now and then: much can happen to a grant meanwhile.
Task<Result<Identity>> ProviderLink::identity(std::string, AccessToken access) {
  Dice& dice = stage_.dice;
  const std::string name(reveal_secret(access));
  co_await clock_.sleep(dice.chance(0.4) ? dice.between(Milliseconds(100), seconds(4)) : way(dice));
  if (is(Trouble::cut_provider) || is(Trouble::provider_errors)) co_return fail(ErrorCode::unavailable, "503");
  const auto* token = stage_.provider.access(name);
  if (token == nullptr || token->revoked || token->ends < stage_.time.now()) co_return fail(ErrorCode::refused, "401");
  const std::string owner = std::to_string(stage_.provider.owner_of(token->consent));
  co_return Identity{ProviderUserId("p" + owner), {VehicleId("v" + owner)}};
}

Task<Result<void>> ProviderLink::revoke(Revocation request) {
  co_await clock_.sleep(way(stage_.dice));
  if (is(Trouble::cut_provider) || is(Trouble::provider_errors)) co_return fail(ErrorCode::unavailable, "503");
  const auto* token = stage_.provider.access(std::string(reveal_secret(request.pair.access)));
  const bool good = token != nullptr && !token->revoked && token->ends > stage_.time.now();
  if (!good) co_return fail(ErrorCode::refused, "401");
  stage_.provider.revoke(token->consent);
  co_return Result<void>();
}

}  // namespace keyfob::simulated
