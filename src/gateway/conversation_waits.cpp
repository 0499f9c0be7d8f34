// The waits of a GatewayConversation: coroutines on the background executor whose answers come back through Later.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/limits.hpp"
#include "gateway/conversation.hpp"

namespace keyfob::gateway {
namespace {

/// An exception of a port is an answer, too: nobody may wait for ever.
template <class T>
std::expected<T, TokenFailure> broken_port() {
  return std::unexpected(TokenFailure{.problem = TokenProblem::provider_unavailable});
}

struct TokenQuestion {
  TokenSource* tokens;
  AppId app;
  std::string user;
  std::string vehicle;
  Milliseconds patience;
};

Task<TokenAnswered> ask(TokenQuestion question) {
  try {
    TokenAnswered answer = co_await question.tokens->get(std::move(question.app), std::move(question.user),
                                                         std::move(question.vehicle), question.patience);
    co_return answer;
  } catch (...) {
  }
  co_return broken_port<GrantToken>();
}

struct RefreshQuestion {
  TokenSource* tokens;
  GrantRef ref;
  GrantVersion refused;
  std::string vehicle;
  Milliseconds patience;
};

Task<TokenAnswered> ask_again(RefreshQuestion question) {
  try {
    TokenAnswered answer = co_await question.tokens->after_refusal(std::move(question.ref), question.refused,
                                                                   std::move(question.vehicle), question.patience);
    co_return answer;
  } catch (...) {
  }
  co_return broken_port<GrantToken>();
}

struct CredentialQuestion {
  CredentialSource* credentials;
  AppId app;
  CredentialKind kind;
  Scheme scheme;
  std::uint64_t refused;
};

Task<CredentialAnswered> ask_credential(CredentialQuestion question) {
  try {
    CredentialAnswered answer = co_await question.credentials->authorization(std::move(question.app), question.kind,
                                                                             question.scheme, question.refused);
    co_return answer;
  } catch (...) {
  }
  co_return broken_port<Authorization>();
}

/// Brings an answer back to the exchange's thread. `arrive` runs there, if the exchange still is.
template <class T, class Arrive>
Task<void> bring_back(Task<T> question, http::Later later, Arrive arrive) {
  T answer = co_await std::move(question);
  later.resume([answer = std::move(answer), arrive = std::move(arrive)](http::Exchange& exchange) mutable {
    arrive(exchange, std::move(answer));
  });
}

template <class T>
Task<void> ask_and_forget(Task<T> question) {
  T answer = co_await std::move(question);
  static_cast<void>(answer);
}

}  // namespace

void GatewayConversation::wait_for_token(http::Exchange& exchange, std::string_view user) {
  waiting_ = true;
  TokenQuestion question{&thread_.ports.tokens, caller_->app, std::string(user), std::string(route_.vehicle),
                         thread_.options.patience};
  auto arrive = [this](http::Exchange& again, TokenAnswered answer) { token_answered(again, std::move(answer)); };
  boost::asio::co_spawn(thread_.background,
                        bring_back<TokenAnswered>(ask(std::move(question)), exchange.later(), std::move(arrive)),
                        boost::asio::detached);
}

void GatewayConversation::wait_for_refresh(http::Exchange& exchange) {
  waiting_ = true;
  RefreshQuestion question{&thread_.ports.tokens, used_ref(), grant_.version, std::string(route_.vehicle),
                           thread_.options.patience};
  auto arrive = [this](http::Exchange& again, TokenAnswered answer) { refresh_answered(again, std::move(answer)); };
  boost::asio::co_spawn(thread_.background,
                        bring_back<TokenAnswered>(ask_again(std::move(question)), exchange.later(), std::move(arrive)),
                        boost::asio::detached);
}

void GatewayConversation::refresh_for_the_next() {
  if (route_.rule->credential == CredentialKind::application) {
    CredentialQuestion question{&thread_.ports.credentials, caller_->app, route_.rule->credential, route_.rule->scheme,
                                credential_};
    boost::asio::co_spawn(thread_.background, ask_and_forget<CredentialAnswered>(ask_credential(std::move(question))),
                          boost::asio::detached);
    return;
  }
  RefreshQuestion question{&thread_.ports.tokens, used_ref(), grant_.version, std::string(route_.vehicle),
                           thread_.options.patience};
  boost::asio::co_spawn(thread_.background, ask_and_forget<TokenAnswered>(ask_again(std::move(question))),
                        boost::asio::detached);
}

/// A verdict hands the token to another gateway: the first of each minute is on record before it goes out.
void GatewayConversation::wait_for_record(http::Exchange& exchange) {
  waiting_ = true;
  AuditEntry entry;
  entry.at = thread_.ports.clock.wall();
  entry.actor = caller_->name;
  entry.action = "token.disclosed";
  entry.outcome = "ok";
  entry.app = caller_->app;
  entry.grant = GrantId(grant_.id.view());
  entry.user = UserId(grant_.user.view());
  keep_trail(exchange.request());
  entry.request_id = request_id_.view();
  auto arrive = [this](http::Exchange& again, Result<void> recorded) {
    waiting_ = false;
    recorded ? allow(again) : problem(again, GatewayProblem::provider_unavailable);
  };
  boost::asio::co_spawn(thread_.background,
                        bring_back<Result<void>>(thread_.ports.audit->record_disclosure(std::move(entry)),
                                                 exchange.later(), std::move(arrive)),
                        boost::asio::detached);
}

void GatewayConversation::wait_for_credential(http::Exchange& exchange) {
  waiting_ = true;
  CredentialQuestion question{&thread_.ports.credentials, caller_->app, route_.rule->credential, route_.rule->scheme,
                              credential_};
  auto arrive = [this](http::Exchange& again, CredentialAnswered answer) {
    credential_answered(again, std::move(answer));
  };
  boost::asio::co_spawn(
      thread_.background,
      bring_back<CredentialAnswered>(ask_credential(std::move(question)), exchange.later(), std::move(arrive)),
      boost::asio::detached);
}

}  // namespace keyfob::gateway
