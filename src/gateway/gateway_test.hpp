#pragma once
// The gateway between a raw caller and a scripted provider, with fakes for everything that is not the gateway's.

#include "gateway/gateway.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>
#include <map>
#include <mutex>

#include "gateway/plan.hpp"
#include "gateway/problem.hpp"
#include "testing/net/allocations.hpp"
#include "testing/net/loop_under_test.hpp"
#include "testing/net/sockets.hpp"

namespace keyfob::gateway {

using keyfob::testing::Message;
using keyfob::testing::ok_response;
using keyfob::testing::read_message;
using keyfob::testing::ScriptedOrigin;
using keyfob::testing::Socket;

struct FixedClock final : Clock {
  WallTime wall() const override { return from_unix_ms(now); }
  BootTime boot() const override { return BootTime(Milliseconds(now.load())); }
  Task<void> sleep(Milliseconds) override { co_return; }
  std::atomic<std::int64_t> now{1'000'000};
};

struct FakeGatekeeper final : Gatekeeper {
  std::uint64_t revision() const noexcept override { return revision_; }
  std::expected<std::shared_ptr<const Admission>, AccessProblem> admit(const Evidence& evidence) override {
    ++asked;
    const std::lock_guard lock(mutex);
    const auto found = callers.find(std::string(evidence.authorization));
    if (found == callers.end()) return std::unexpected(AccessProblem::unauthenticated);
    return std::make_shared<const Admission>(found->second);
  }
  void change(const std::string& key, std::optional<Admission> admission) {
    const std::lock_guard lock(mutex);
    callers.erase(key);
    if (admission) callers.emplace(key, std::move(*admission));
    ++revision_;
  }
  std::mutex mutex;
  std::map<std::string, Admission> callers;
  std::atomic<std::uint64_t> revision_{1};
  std::atomic<int> asked{0};
};

/// Grants by vehicle; tokens are "<grant>-<generation>".
struct FakeTokens final : TokenSource {
  struct Entry {
    std::string grant;
    std::string user;
    std::string provider_user;
    std::uint64_t generation = 1;
    bool at_hand = true;
    std::optional<TokenProblem> problem{};
  };

  bool try_get(const AppId& app, Subject subject, TokenSlot& out) noexcept override {
    const std::lock_guard lock(mutex);
    const Entry* entry = find(app, subject.user, subject.vehicle);
    if (entry == nullptr || !entry->at_hand || entry->problem) return false;
    out.version = {Generation(entry->generation), Epoch(1)};
    out.grant = entry->grant;
    out.user = entry->user;
    out.provider_user = entry->provider_user;
    return out.token.assign(token_of(*entry));
  }
  Task<std::expected<GrantToken, TokenFailure>> get(AppId app, std::string user, std::string vehicle,
                                                    Milliseconds) override {
    const std::lock_guard lock(mutex);
    const Entry* entry = find(app, user, vehicle);
    if (entry == nullptr) co_return std::unexpected(TokenFailure{.problem = TokenProblem::unknown_grant});
    if (entry->problem) co_return std::unexpected(failure_of(*entry, vehicle));
    co_return token(app, *entry, !entry->at_hand);
  }
  Task<std::expected<GrantToken, TokenFailure>> after_refusal(GrantRef ref, GrantVersion refused, std::string,
                                                              Milliseconds) override {
    const std::lock_guard lock(mutex);
    for (auto& [vehicle, entry] : vehicles) {
      if (entry.grant != ref.grant.str()) continue;
      if (entry.problem) co_return std::unexpected(failure_of(entry, vehicle));
      const bool current = refused.generation.value() == entry.generation;
      if (current && rotates) {
        ++entry.generation;
        ++rotations;
      }
      co_return token(ref.app, entry, !current || rotates);
    }
    co_return std::unexpected(TokenFailure{});
  }

  void refused_again(GrantRef ref, GrantVersion version, std::string vehicle) noexcept override {
    const std::lock_guard lock(mutex);
    given_up.push_back(ref.grant.str() + '-' + std::to_string(version.generation.value()) + ' ' + vehicle);
  }

  const Entry* find(const AppId& app, std::string_view user, std::string_view vehicle) const {
    if (app.view() != "app") return nullptr;
    for (const auto& [id, entry] : vehicles) {
      if ((vehicle.empty() || id == vehicle) && (user.empty() || entry.user == user)) return &entry;
    }
    return nullptr;
  }
  static std::string token_of(const Entry& entry) { return entry.grant + '-' + std::to_string(entry.generation); }
  static TokenFailure failure_of(const Entry& entry, const std::string& vehicle) {
    return {.problem = *entry.problem, .user = UserId(entry.user), .vehicles = {VehicleId(vehicle)}};
  }
  static GrantToken token(const AppId& app, const Entry& entry, bool refreshed) {
    GrantToken token;
    token.ref = {app, GrantId(entry.grant)};
    token.version = {Generation(entry.generation), Epoch(1)};
    token.user = UserId(entry.user);
    token.provider_user = ProviderUserId(entry.provider_user);
    token.token = AccessToken(token_of(entry));
    token.refreshed = refreshed;
    return token;
  }

  std::mutex mutex;
  std::map<std::string, Entry> vehicles;
  bool rotates = true;
  int rotations = 0;
  std::vector<std::string> given_up;
};

struct FakeCredentials final : CredentialSource {
  bool try_authorization(const AppId& app, CredentialKind kind, CredentialSlot& out) noexcept override {
    if (kind != CredentialKind::application || suspended || !at_hand) return false;
    out.serial = serial;
    return out.value.assign("Test " + app.str() + " application " + std::to_string(out.serial));
  }
  Task<std::expected<Authorization, TokenFailure>> authorization(AppId app, CredentialKind kind, Scheme,
                                                                 std::uint64_t refused) override {
    if (suspended) co_return std::unexpected(TokenFailure{.problem = TokenProblem::application_suspended});
    const bool application = kind == CredentialKind::application;
    if (application && refused == serial && renewable) ++serial;
    const std::string name = application ? "application " + std::to_string(serial) : "management";
    co_return Authorization{Secret("Test " + app.str() + ' ' + name), application ? serial.load() : 0};
  }
  std::atomic<std::uint64_t> serial{1};
  std::atomic<bool> suspended{false};
  std::atomic<bool> renewable{true};
  std::atomic<bool> at_hand{false};  ///< an application token is answered without waiting
};

inline Admission caller_with(std::initializer_list<Permission> permissions) {
  Admission admission;
  admission.caller = CallerId("caller");
  admission.app = AppId("app");
  admission.provider = "acme";
  for (const Permission permission : permissions) admission.permissions.add(permission);
  return admission;
}

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest()
      : provider_([this](Socket& caller, int) {
          for (;;) {
            if (exempt_origin_) keyfob::testing::exempt_this_thread();
            const Message request = read_message(caller);
            if (!request.whole) return;
            caller.write(answer(request));
          }
        }) {
    gatekeeper_.callers.emplace("Bearer key", caller_with({Permission::gateway}));
    tokens_.vehicles = {{"car1", {.grant = "g1", .user = "anna", .provider_user = "pu-anna"}},
                        {"car2", {.grant = "g2", .user = "bert", .provider_user = "pu-bert"}}};
  }
  ~GatewayTest() override {
    server_.reset();
    background_.join();
  }

  ProviderProfile acme() {
    const std::string origin = provider_.url();
    ProviderProfile profile;
    profile.name = "acme";
    profile.routes = {
        {.match = "/v2/management/**",
         .origin = origin,
         .credential = CredentialKind::management,
         .permission = "management"},
        {.match = "/v2/cars/{vehicle}/**", .origin = origin},
        {.match = "/v2/cars", .origin = origin, .needs_user = true},
        {.match = "/v2/users/{user}/cars", .origin = origin, .needs_user = true},
        {.match = "/v3/cars/{vehicle}",
         .origin = origin,
         .credential = CredentialKind::application,
         .inject = {{"x-user", "u:{provider_user}"}}},
        {.match = "/open/**", .origin = origin, .credential = CredentialKind::none},
    };
    return profile;
  }

  void start() {
    GatewayOptions options;
    options.profiles = {acme()};
    options.is_api = [](std::string_view path) { return path.starts_with("/v1/"); };
    options.api = [](http::Request request) -> boost::asio::awaitable<http::Response> {
      co_return http::Response{.body = "api " + request.target};
    };
    auto factory = make_gateway({gatekeeper_, tokens_, credentials_, clock_}, std::move(options));
    ASSERT_TRUE(factory.has_value()) << factory.error().what;
    http::ServerConfig config;
    config.listen = {"127.0.0.1:0"};
    config.event_loop = testing::loop_under_test();
    config.private_prefixes = {std::string(kPrivatePrefix)};
    config.limits.replay_bytes = 1000;
    auto started = http::Server::start(std::move(config), *factory, background_.get_executor());
    ASSERT_TRUE(started.has_value()) << started.error().what;
    server_ = std::move(*started);
    caller_ = Socket::connect(server_->endpoints().front());
  }

  Message ask(const std::string& request_line, const std::string& more = {}, const std::string& key = "key") {
    caller_.write(request_line + " HTTP/1.1\r\nHost: keyfob\r\nAuthorization: Bearer " + key + "\r\n" + more + "\r\n");
    return read_message(caller_);
  }

  /// What the provider does: refuses dead tokens, else echoes what it saw.
  std::string answer(const Message& request) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(request);
    const std::string authorization = request.header("authorization");
    if (dead_ == authorization || everything_is_dead_) {
      return "HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nKeyfob-Error: forged\r\n\r\ndead";
    }
    return ok_response(authorization + '|' + request.header("x-user") + '|' + request.body);
  }
  std::size_t seen() {
    const std::lock_guard lock(mutex_);
    return seen_.size();
  }

  static void expect_problem(const Message& message, int status, const std::string& code) {
    EXPECT_EQ(message.status(), status) << message.raw_head;
    EXPECT_EQ(message.header("keyfob-error"), code);
    EXPECT_EQ(message.header("content-type"), "application/problem+json");
    EXPECT_THAT(message.body, ::testing::HasSubstr("\"code\":\"" + code + '"'));
  }

  std::atomic<bool> exempt_origin_ = false;
  std::mutex mutex_;
  std::vector<Message> seen_;
  std::string dead_ = "no token";
  bool everything_is_dead_ = false;
  ScriptedOrigin provider_;
  FixedClock clock_;
  FakeGatekeeper gatekeeper_;
  FakeTokens tokens_;
  FakeCredentials credentials_;
  boost::asio::thread_pool background_{1};
  std::unique_ptr<http::Server> server_;
  Socket caller_;
};

}  // namespace keyfob::gateway
