#include "engine/credentials.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/wiped_string.hpp"
#include "vault/secrets.hpp"

namespace keyfob::engine {
namespace {

constexpr std::string_view kPurpose = "application_token";
constexpr Milliseconds kPatience = seconds(20);
constexpr Milliseconds kLook = Milliseconds(100);
constexpr Milliseconds kClaimMargin = seconds(5);
constexpr Milliseconds kLastMoment = seconds(30);
constexpr Milliseconds kAgainAhead = seconds(5);

std::unexpected<TokenFailure> failed(const AppId& app, TokenProblem problem, std::string detail,
                                     Milliseconds retry_after = {}) {
  TokenFailure failure;
  failure.problem = problem;
  failure.ref.app = app;
  failure.detail = std::move(detail);
  failure.retry_after = retry_after;
  return std::unexpected(std::move(failure));
}

/// RFC 7617: base64 of user:password. Every buffer on the way is wiped.
Secret basic(std::string_view user, std::string_view password) {
  WipedString pair = wiped_string();
  pair.append(user);
  pair.append(":");
  pair.append(password);
  std::string encoded = to_base64(as_bytes(std::string_view(pair)));
  WipedString value = wiped_string();
  value.append("Basic ");
  value.append(encoded);
  wipe(encoded.data(), encoded.size());
  return Secret(std::string_view(value));
}

Secret bearer(std::string_view token) {
  WipedString value = wiped_string();
  value.append("Bearer ");
  value.append(token);
  return Secret(std::string_view(value));
}

}  // namespace

Task<Credentials::Answer> Credentials::authorization(AppId app, CredentialKind kind, Scheme scheme,
                                                     std::uint64_t refused) {
  const auto view = ports_.directory.snapshot()->find(app);
  if (!view) co_return failed(app, TokenProblem::unknown_grant, "no such application");
  if (kind == CredentialKind::management) co_return management(*view, scheme);
  if (kind == CredentialKind::client) co_return client(*view);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  Answer answer =
      co_await asio::co_spawn(ports_.executor, application_token(std::move(app), refused), asio::use_awaitable);
  co_return answer;
}

Credentials::Answer Credentials::management(const ApplicationView& app, Scheme scheme) const {
  auto token = ports_.directory.management_token(app, SecretPurpose::management_token);
  if (!token) {
    return failed(
        app.app().id, TokenProblem::application_suspended,
        "the application has no management token: keyfob app set " + app.app().name + " --management-token @FILE");
  }
  return Authorization{scheme == Scheme::basic ? basic("default", reveal_secret(*token))
                                               : bearer(reveal_secret(*token))};
}

Credentials::Answer Credentials::client(const ApplicationView& app) const {
  auto secret = ports_.directory.client_secret(app, SecretPurpose::client_secret);
  if (!secret) return failed(app.app().id, TokenProblem::record_damaged, secret.error().what);
  return Authorization{basic(app.app().client_id, reveal_secret(*secret))};
}

// --- application token ---

Credentials::Answer Credentials::open(const AppId& app, const Cached& cached) const {
  auto value = vault::open_blob(*ports_.directory.snapshot()->keyring, {app, kPurpose, app.view()}, cached.sealed);
  if (!value) return failed(app, TokenProblem::record_damaged, value.error().what);
  return Authorization{std::move(*value), cached.serial};
}

void Credentials::publish() {
  auto tokens = std::make_shared<PublishedTokens>();
  for (const auto& [app, cached] : cache_) {
    if (!cached.sealed.empty()) tokens->emplace(app, Published{cached.sealed, cached.serial, cached.renew_at});
  }
  published_.store(std::move(tokens));
  // After the tokens: whoever sees the new number finds them.
  publication_.store(new_instance_number(), std::memory_order_release);
}

const Credentials::PublishedTokens& Credentials::published_to_this_thread() const {
  thread_local std::uint64_t publication = 0;
  thread_local std::shared_ptr<const PublishedTokens> seen;
  const std::uint64_t present = publication_.load(std::memory_order_acquire);
  if (publication != present) {
    seen = published_.load();
    publication = present;
  }
  return *seen;
}

bool Credentials::try_authorization(const AppId& app, CredentialKind kind, CredentialSlot& out) noexcept {
  if (kind != CredentialKind::application) return false;
  const PublishedTokens& tokens = published_to_this_thread();
  const auto token = tokens.find(app);
  if (token == tokens.end() || token->second.sealed.size() > out.value.capacity()) return false;
  if (ports_.clock.wall() >= token->second.renew_at) return false;
  const DirectorySnapshot& directory = ports_.directory.snapshot_of_this_thread();
  const auto view = directory.applications.find(app);
  if (view == directory.applications.end() || !view->second->has_v3_credentials()) return false;
  const auto size = vault::open_blob_into(*directory.keyring, {app, kPurpose, app.view()}, token->second.sealed,
                                          {out.value.data(), out.value.capacity()});
  if (!size) return false;
  out.value.resize(*size);
  out.serial = token->second.serial;
  return true;
}

/// Not expired soon, and not the one that was refused, unless it is too young to be given up for that.
bool Credentials::usable(const Cached& cached, std::uint64_t refused) const {
  if (cached.sealed.empty() || ports_.clock.wall() >= cached.renew_at) return false;
  return cached.serial != refused || ports_.clock.boot() - cached.issued_at < policy_.min_interval;
}

bool Credentials::lives(const Cached& cached, std::uint64_t refused) const {
  return !cached.sealed.empty() && cached.serial != refused && ports_.clock.wall() + kLastMoment < cached.expires_at;
}

/// One renewal at a time; everybody else waits for it, unless the present token still lives.
Task<Credentials::Answer> Credentials::application_token(AppId app, std::uint64_t refused) {
  const auto view = ports_.directory.snapshot()->find(app);
  if (!view) co_return failed(app, TokenProblem::unknown_grant, "no such application");
  if (!view->has_v3_credentials()) {
    co_return failed(app, TokenProblem::application_suspended,
                     "the application has no v3 credentials: keyfob app set " + view->app().name +
                         " --v3-client-id ID --v3-client-secret @FILE");
  }
  Cached& cached = cache_[app];
  if (usable(cached, refused)) co_return open(app, cached);
  if (lives(cached, refused)) {
    renew_ahead(view);
    co_return open(app, cached);
  }
  if (cached.renewing) {
    const auto renewed = cached.renewed;
    std::function<bool()> ready = [this, app] { return !cache_[app].renewing; };
    const bool done = co_await renewed->wait(std::move(ready), ports_.clock, kPatience);
    if (done && !cache_[app].sealed.empty()) co_return open(app, cache_[app]);
    co_return failed(app, TokenProblem::provider_unavailable, "no application token came", seconds(1));
  }
  Answer answer = co_await renew(view, refused);
  co_return answer;
}

void Credentials::renew_ahead(const std::shared_ptr<const ApplicationView>& app) {
  const Cached& cached = cache_[app->app().id];
  if (cached.renewing || ports_.clock.boot() < cached.not_before) return;
  auto renewal = [this, app]() -> Task<void> {
    auto view = app;
    if (!cache_[view->app().id].renewing) static_cast<void>(co_await renew(std::move(view), 0));
  };
  asio::co_spawn(ports_.executor, std::move(renewal), asio::detached);
}

Task<Credentials::Answer> Credentials::renew(std::shared_ptr<const ApplicationView> app, std::uint64_t refused) {
  const AppId id = app->app().id;
  cache_[id].renewing = true;
  cache_[id].renewed = std::make_shared<Wakeup>(ports_.executor);
  auto copy = app;
  std::optional<Answer> answer = co_await shared_token(std::move(copy), refused);
  if (!answer) answer = co_await fetch(std::move(app));
  if (!*answer) cache_[id].not_before = ports_.clock.boot() + kAgainAhead;
  cache_[id].renewing = false;
  cache_[id].renewed->notify();
  co_return std::move(*answer);
}

Task<std::optional<Credentials::Answer>> Credentials::shared_token(std::shared_ptr<const ApplicationView> app,
                                                                   std::uint64_t refused) {
  if (ports_.shared == nullptr) co_return std::nullopt;
  const AppId id = app->app().id;
  const BootTime until = ports_.clock.boot() + kPatience;
  while (ports_.clock.boot() < until) {
    AppTokenClaim claim{id, cache_[id].number, policy_.timeout + kClaimMargin};
    auto found = co_await ports_.shared->claim_app_token(std::move(claim));
    if (!found || found->renew) co_return std::nullopt;
    if (!found->other) {
      co_await ports_.clock.sleep(kLook);
      continue;
    }
    adopt(*app, std::move(*found->other));
    if (usable(cache_[id], refused)) {
      Answer answer = open(id, cache_[id]);
      if (answer) co_return answer;
      cache_[id].sealed.clear();  // under a key that is not known here: the next claim is for another
    }
  }
  co_return failed(id, TokenProblem::provider_unavailable, "another node's renewal of the application token hangs",
                   seconds(1));
}

void Credentials::adopt(const ApplicationView& app, SharedAppToken token) {
  Cached& cached = cache_[app.app().id];
  const WallTime now = ports_.clock.wall();
  cached.number = token.number;
  cached.sealed = std::move(token.sealed);
  ++cached.serial;
  cached.issued_at = ports_.clock.boot() - std::max(Milliseconds(0), now - token.issued_at);
  cached.expires_at = token.expires_at;
  const Milliseconds life = token.expires_at - token.issued_at;
  cached.renew_at = token.expires_at - std::min<Milliseconds>(life / 10, minutes(5));
  publish();
}

Task<Credentials::Answer> Credentials::fetch(std::shared_ptr<const ApplicationView> app) {
  const AppId id = app->app().id;
  TokenRequest request;
  request.provider = app->profile->name;
  request.client_id = app->app().v3_client_id;
  auto secret = ports_.directory.client_secret(*app, SecretPurpose::v3_client_secret);
  if (!secret) co_return failed(id, TokenProblem::record_damaged, secret.error().what);
  request.client_secret = std::move(*secret);
  request.grant = ClientCredentialsGrant{};
  const BootTime now = ports_.clock.boot();
  const WallTime sent_at = ports_.clock.wall();
  const ExchangeLimits limits{now + policy_.timeout, now + policy_.timeout};
  TokenAnswer answer = co_await ports_.endpoint.exchange(std::move(request), limits);
  if (!answer.access || answer.access->empty()) {
    AppId whose = id;
    if (ports_.shared != nullptr) static_cast<void>(co_await ports_.shared->release_app_token(std::move(whose)));
    const bool ours = answer.disposition == Disposition::configuration;
    co_return failed(id, ours ? TokenProblem::application_suspended : TokenProblem::provider_unavailable, answer.detail,
                     seconds(5));
  }
  Secret value = bearer(reveal_secret(*answer.access));
  vault::Nonce nonce{};
  ports_.random.fill(nonce);
  auto sealed = vault::seal_blob(*ports_.directory.snapshot()->keyring, {id, kPurpose, id.view()}, value, nonce);
  if (!sealed) co_return failed(id, TokenProblem::record_damaged, sealed.error().what);
  const Milliseconds life = answer.expires_in.value_or(app->profile->app_token_ttl);
  adopt(*app, {std::move(*sealed), cache_[id].number, sent_at, sent_at + life});
  const std::uint64_t serial = cache_[id].serial;
  AppId whose = id;
  co_await share(std::move(whose), sent_at);
  co_return Authorization{std::move(value), serial};
}

/// A store that is down costs the other nodes a token of their own.
Task<void> Credentials::share(AppId app, WallTime issued_at) {
  if (ports_.shared == nullptr) co_return;
  SharedAppToken token{cache_[app].sealed, 0, issued_at, cache_[app].expires_at};
  AppId whose = app;
  const auto number = co_await ports_.shared->put_app_token(std::move(whose), std::move(token));
  if (number) cache_[app].number = *number;
}

}  // namespace keyfob::engine
