#include "engine/consent.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "core/limits.hpp"
#include "crypto/hash.hpp"
#include "engine/sealer.hpp"
#include "oauth/authorize_url.hpp"
#include "vault/secrets.hpp"

namespace keyfob::engine {
namespace {

constexpr std::size_t kStateBytes = 32;
constexpr std::size_t kVerifierBytes = 32;
constexpr std::string_view kVerifierPurpose = "pkce_verifier";

Bytes hash_of(std::string_view state) {
  const crypto::Digest digest = crypto::sha256(as_bytes(state));
  return {digest.begin(), digest.end()};
}

std::string random_text(Random& random, std::size_t bytes) {
  std::vector<std::uint8_t> raw(bytes);
  random.fill(raw);
  std::string text = to_base64url(raw);
  wipe(raw.data(), raw.size());
  return text;
}

Result<void> check(const ConnectRequest& request, const Application& app) {
  if (request.user.empty() || request.user.view().size() > limits::kUserId || is_unconfirmed(request.user)) {
    return fail(ErrorCode::invalid_argument, "user: must be 1 to 256 characters and not begin with 'unconfirmed:'");
  }
  if (app.redirect_uri.empty()) {
    return fail(ErrorCode::invalid_argument, "the application has no redirect_uri",
                "keyfob app set " + app.name + " --redirect-uri https://.../connect/callback");
  }
  const bool registered =
      request.return_to.empty() || std::ranges::find(app.return_to, request.return_to) != app.return_to.end();
  if (!registered) {
    return fail(ErrorCode::invalid_argument, "return_to: is not one of the application's",
                "keyfob app set " + app.name + " --return-to URL");
  }
  return {};
}

}  // namespace

Consent::Consent(Ports ports, Milliseconds state_ttl, Milliseconds timeout)
    : ports_(ports), state_ttl_(state_ttl), timeout_(timeout) {}

Task<Result<ConnectUrl>> Consent::start(ConnectRequest request) {
  const auto app = ports_.directory.snapshot()->find(request.app);
  if (!app) co_return fail(ErrorCode::not_found, "no such application");
  if (auto good = check(request, app->app()); !good) co_return fail(good.error());
  const std::string state = random_text(ports_.random, kStateBytes);
  ConsentState stored;
  stored.state_hash = hash_of(state);
  stored.app = request.app;
  stored.user = request.user;
  stored.return_to = request.return_to;
  stored.redirect_uri = app->app().redirect_uri;
  stored.single_select = request.single_select || !request.single_select_vin.empty();
  if (request.confirm) stored.user = unconfirmed_user(stored.state_hash, request.user);
  stored.expires_at = ports_.clock.wall() + state_ttl_;
  const KeyHold held = ports_.directory.hold_key(request.app);
  auto challenge = add_verifier(stored, *app);
  if (!challenge) co_return fail(challenge.error());
  auto url = url_for(request, *app, stored, state, *challenge);
  if (!url) co_return fail(url.error());
  const Result<void> put = co_await ports_.states.put_consent(std::move(stored));
  if (!put) co_return fail(put.error());
  co_return ConnectUrl{std::move(*url), state, state_ttl_};
}

Result<std::string> Consent::url_for(const ConnectRequest& request, const ApplicationView& app,
                                     const ConsentState& stored, const std::string& state,
                                     const std::string& challenge) const {
  const std::string shared = request.share_user ? request.user.str() : std::string();
  if (!request.reauthenticate.empty()) {
    return oauth::reauthenticate_url(*app.profile,
                                     {app.app().client_id, request.reauthenticate, stored.redirect_uri, state, shared});
  }
  oauth::ConsentUrlRequest parts;
  parts.client_id = app.app().client_id;
  parts.redirect_uri = stored.redirect_uri;
  parts.state = state;
  parts.scopes = request.scope.empty() ? app.app().scopes : request.scope;
  parts.mode = app.app().mode;
  parts.code_challenge = challenge;
  parts.make = request.make;
  parts.single_select = request.single_select;
  parts.single_select_vin = request.single_select_vin;
  parts.flags = request.flags;
  parts.force = request.force;
  parts.external_id = request.external_id;
  parts.user = shared;
  return oauth::consent_url(*app.profile, parts);
}

/// RFC 7636: the verifier is kept sealed with the state, its S256 challenge goes into the URL. Empty where the profile
/// has no PKCE.
Result<std::string> Consent::add_verifier(ConsentState& state, const ApplicationView& app) {
  if (!app.profile->pkce) return std::string();
  std::string text = random_text(ports_.random, kVerifierBytes);
  const Secret verifier(text);
  wipe(text.data(), text.size());
  vault::Nonce nonce{};
  ports_.random.fill(nonce);
  const std::string subject = to_hex(state.state_hash);
  auto sealed =
      vault::seal_blob(*ports_.directory.snapshot()->keyring, {state.app, kVerifierPurpose, subject}, verifier, nonce);
  if (!sealed) return fail(sealed.error());
  state.sealed_verifier = std::move(*sealed);
  return to_base64url(crypto::sha256(as_bytes(reveal_secret(verifier))));
}

Task<Result<CallbackResult>> Consent::finish(CallbackRequest request) {
  Bytes hash = hash_of(request.state);
  Result<ConsentState> state = co_await ports_.states.take_consent(std::move(hash), ports_.clock.wall());
  if (!state) co_return fail(state.error());
  CallbackResult result;
  result.app = state->app;
  result.user = awaited_user(state->user);
  result.return_to = state->return_to;
  result.unconfirmed = is_unconfirmed(state->user);
  const bool reauthenticated = request.error.empty() && request.code.empty() && !request.vehicle.empty();
  if (reauthenticated) {
    Result<Grant> grant = co_await reopen(std::move(*state), std::move(request.vehicle));
    if (grant) result.grant = std::move(*grant);
    if (!grant) result.error = "server_error";
    if (!grant) result.detail = grant.error().what;
    co_return result;
  }
  if (!request.error.empty() || request.code.empty()) {
    result.details = std::move(request.details);
    result.error = request.error.empty() ? "invalid_request" : request.error;
    result.detail = request.error_description;
    co_return result;
  }
  const auto app = ports_.directory.snapshot()->find(state->app);
  if (!app) co_return fail(ErrorCode::not_found, "the application of this consent is gone");
  Secret code(request.code);
  wipe(request.code.data(), request.code.size());
  Result<Grant> grant = co_await exchange(app, std::move(*state), std::move(code));
  if (grant) {
    result.grant = std::move(*grant);
  } else {
    result.error = grant.error().code == ErrorCode::refused ? "access_denied" : "server_error";
    result.detail = grant.error().what;
  }
  co_return result;
}

Task<Result<Grant>> Consent::exchange(std::shared_ptr<const ApplicationView> app, ConsentState state, Secret code) {
  TokenRequest request;
  request.provider = app->profile->name;
  request.client_id = app->app().client_id;
  auto secret = ports_.directory.client_secret(*app, SecretPurpose::client_secret);
  if (!secret) co_return fail(secret.error());
  request.client_secret = std::move(*secret);
  CodeGrant code_grant{std::move(code), state.redirect_uri};
  if (!state.sealed_verifier.empty()) {
    const std::string subject = to_hex(state.state_hash);
    auto verifier = vault::open_blob(*ports_.directory.snapshot()->keyring, {state.app, kVerifierPurpose, subject},
                                     state.sealed_verifier);
    if (!verifier) co_return fail(verifier.error());
    code_grant.code_verifier = std::move(*verifier);
  }
  request.grant = std::move(code_grant);
  const BootTime now = ports_.clock.boot();
  const ExchangeLimits limits{now + timeout_, now + timeout_};
  TokenAnswer answer = co_await ports_.endpoint.exchange(std::move(request), limits);
  if (!answer.access || !answer.refresh) {
    const bool refused = answer.disposition == Disposition::refused || answer.disposition == Disposition::suspicious;
    co_return fail(refused ? ErrorCode::refused : ErrorCode::unavailable,
                   "the provider did not give a token pair: " + answer.error);
  }
  NewGrant grant;
  grant.user = state.user;
  grant.pair = {std::move(*answer.access), std::move(*answer.refresh)};
  grant.expires_in = answer.expires_in.value_or(app->profile->access_ttl);
  grant.refresh_expires_in = answer.refresh_expires_in;
  grant.scope = answer.scope;
  grant.merge_vehicles = true;
  grant.consented = true;
  grant.single_select = state.single_select;
  Result<Grant> stored = co_await store(std::move(app), std::move(grant));
  co_return stored;
}

/// The pair is stored before anything else is asked: as a provisional grant of this user, then, once the provider said
/// whose it is, where it belongs.
Task<Result<Grant>> Consent::store(std::shared_ptr<const ApplicationView> app, NewGrant grant) {
  AccessToken token = grant.pair.access;
  const bool waits = is_unconfirmed(grant.user);
  grant.provisional = true;
  Result<ImportedGrant> provisional = co_await ports_.grants.import_one(app->app().id, std::move(grant));
  if (!provisional) co_return fail(provisional.error());
  if (waits) co_return provisional->grant;
  Result<Grant> settled = co_await settle(app, provisional->grant, std::move(token));
  if (!settled) co_return provisional->grant;  // usable by its user as it is; the background asks again
  co_return settled;
}

}  // namespace keyfob::engine
