#include "testing/scripted_idp.hpp"

#include <algorithm>

namespace keyfob::testing {
namespace {

TokenAnswer plain(Disposition disposition, int status, std::string error = {}) {
  TokenAnswer answer;
  answer.disposition = disposition;
  answer.status = status;
  answer.error = std::move(error);
  return answer;
}

}  // namespace

std::string ScriptedIdp::mint(std::string_view kind) { return std::string(kind) + "-" + std::to_string(++minted_); }

TokenPair ScriptedIdp::issue(const std::string& owner) {
  const std::string access = mint("access");
  const std::string refresh = mint("refresh");
  access_tokens_[access] = owner;
  refresh_tokens_[refresh] = {owner};
  return {AccessToken(access), RefreshToken(refresh)};
}

bool ScriptedIdp::accepts(const std::string& refresh_token) const {
  const auto it = refresh_tokens_.find(refresh_token);
  if (it == refresh_tokens_.end()) return false;
  return !it->second.used_at || clock_.boot() - *it->second.used_at <= reuse_window;
}

void ScriptedIdp::withdraw(const std::string& owner) {
  std::erase_if(refresh_tokens_, [&](const auto& entry) { return entry.second.owner == owner; });
  std::erase_if(access_tokens_, [&](const auto& entry) { return entry.second == owner; });
}

TokenAnswer ScriptedIdp::answer_of(const Token& token, Fault fault) const {
  TokenAnswer answer = plain(Disposition::done, 200);
  if (fault != Fault::no_access_token) answer.access = AccessToken(token.next_access);
  if (fault != Fault::no_refresh_token) answer.refresh = RefreshToken(token.next_refresh);
  if (fault == Fault::no_access_token || fault == Fault::no_refresh_token) answer.disposition = Disposition::unknown;
  answer.expires_in = access_ttl;
  return answer;
}

TokenAnswer ScriptedIdp::refresh(const std::string& token, Fault fault) {
  const auto it = refresh_tokens_.find(token);
  if (it == refresh_tokens_.end() || fault == Fault::refuse) return plain(Disposition::refused, 400, "invalid_request");
  Token& used = it->second;
  if (used.used_at) {
    if (clock_.boot() - *used.used_at > reuse_window) {
      ++late_uses_;
      return plain(Disposition::refused, 400, "invalid_request");
    }
    return answer_of(used, fault);
  }
  if (fault == Fault::no_rotation) {
    TokenAnswer answer = plain(Disposition::done, 200);
    const std::string access = mint("access");
    access_tokens_[access] = used.owner;
    answer.access = AccessToken(access);
    answer.expires_in = access_ttl;
    return answer;
  }
  used.used_at = clock_.boot();
  used.next_access = mint("access");
  used.next_refresh = mint("refresh");
  ++rotations_;
  const Token copy = used;
  access_tokens_[copy.next_access] = copy.owner;
  refresh_tokens_[copy.next_refresh] = {copy.owner};
  return answer_of(copy, fault);
}

Fault ScriptedIdp::fault_for(const TokenRequest& request) {
  if (!faults_.empty()) {
    const Fault fault = faults_.front();
    faults_.pop_front();
    return fault;
  }
  const RefreshGrant* refresh = std::get_if<RefreshGrant>(&request.grant);
  if (always != Fault::none || !fault_of || refresh == nullptr) return always;
  const auto token = refresh_tokens_.find(std::string(reveal_secret(refresh->refresh_token)));
  return token == refresh_tokens_.end() ? always : fault_of(token->second.owner);
}

Task<TokenAnswer> ScriptedIdp::exchange(TokenRequest request, ExchangeLimits limits) {
  const Fault fault = fault_for(request);
  ++exchanges_;
  most_at_once_ = std::max(most_at_once_, ++at_once_);
  const std::shared_ptr<void> over(nullptr, [this](void*) { --at_once_; });
  if (fault == Fault::unsent || clock_.boot() > limits.send_before) co_return plain(Disposition::unsent, 0);
  co_await clock_.sleep(latency);
  const bool known = reveal_secret(request.client_secret) == client_secret;
  if (fault == Fault::wrong_client || !known) co_return plain(Disposition::configuration, 401, "invalid_client");
  if (fault == Fault::throttled) {
    TokenAnswer answer = plain(Disposition::throttled, 429);
    answer.retry_after = retry_after;
    co_return answer;
  }
  if (fault == Fault::server_error) co_return plain(Disposition::unknown, 503);
  if (fault == Fault::suspicious) co_return plain(Disposition::suspicious, 400, "strange");
  const Milliseconds never = std::max(Milliseconds(0), limits.give_up_at - clock_.boot());
  if (fault == Fault::drop_before) {
    co_await clock_.sleep(never);
    co_return plain(Disposition::unknown, 0);
  }
  if (const CodeGrant* code = std::get_if<CodeGrant>(&request.grant)) {
    TokenPair pair = issue(std::string(reveal_secret(code->code)));
    TokenAnswer answer = plain(Disposition::done, 200);
    answer.access = std::move(pair.access);
    answer.refresh = std::move(pair.refresh);
    answer.expires_in = access_ttl;
    co_return answer;
  }
  const std::string token(reveal_secret(std::get<RefreshGrant>(request.grant).refresh_token));
  TokenAnswer answer = refresh(token, fault);
  if (fault == Fault::drop_after_rotation) {
    co_await clock_.sleep(never);
    co_return plain(Disposition::unknown, 0);
  }
  if (fault == Fault::slow) {
    co_await clock_.sleep(std::min(slow_by, never));
    if (slow_by > never) co_return plain(Disposition::unknown, 0);
  }
  co_return answer;
}

Task<Result<Identity>> ScriptedIdp::identity(std::string, AccessToken token) {
  if (identity_latency > Milliseconds(0)) co_await clock_.sleep(identity_latency);
  const auto it = access_tokens_.find(std::string(reveal_secret(token)));
  if (it == access_tokens_.end()) co_return fail(ErrorCode::refused, "401");
  Identity identity;
  identity.provider_user = ProviderUserId(it->second);
  identity.vehicles = vehicles[it->second];
  co_return identity;
}

Task<Result<void>> ScriptedIdp::revoke(Revocation request) {
  if (revoke_fails) co_return fail(ErrorCode::unavailable, "503");
  if (!access_tokens_.contains(std::string(reveal_secret(request.pair.access))))
    co_return fail(ErrorCode::refused, "401");
  ++revoked_;
  co_return Result<void>();
}

}  // namespace keyfob::testing
