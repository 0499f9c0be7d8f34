#include <keyfob/broker.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <utility>

#include <keyfob/async.hpp>
#include "apps/keyfob/event_thread.hpp"
#include "apps/keyfob/init_directory.hpp"
#include "apps/keyfob/node.hpp"
#include "apps/library/broker_state.hpp"
#include "apps/library/failures.hpp"
#include "config/parse.hpp"

namespace keyfob {
namespace {

namespace fs = std::filesystem;
using library::failure_of;

constexpr Milliseconds kLastPatience = seconds(1);

Result<config::Config> read_config(const BrokerConfig& settings) {
  const fs::path directory = fs::absolute(settings.directory).lexically_normal();
  if (settings.settings.empty()) return config::load_config(directory / "keyfob.toml");
  return config::parse_config(settings.settings, "settings", directory);
}

/// The directory as `keyfob init` makes it, if it is asked for and nothing is there.
Result<void> make_directory(const BrokerConfig& settings) {
  if (!settings.create || fs::exists(fs::path(settings.directory) / "keyfob.toml")) return {};
  node::InitRequest request;
  request.dir = settings.directory;
  const auto made = node::init_directory(request);
  if (!made) return fail(made.error());
  return {};
}

}  // namespace

void library::EventCalls::emit(const Event& event) {
  if (!on_event_) return;
  on_event_({event.name, event.app.view(), event.grant.view(), event.user.view(), event.detail});
}

Broker::State::State(const BrokerConfig& settings) : events_(settings.on_event) {
  if (settings.store != nullptr) rows_ = std::make_unique<library::OwnRows>(settings.store);
}

Broker::State::~State() {
  if (node_ != nullptr) node_->stop(kLastPatience);
}

Result<void> Broker::State::open(const BrokerConfig& settings) {
  if (auto made = make_directory(settings); !made) return made;
  auto config = read_config(settings);
  if (!config) return fail(config.error());
  auto state = node::NodeState::open(config->node.state_dir);
  if (!state) return fail(state.error());
  node::NodeSurroundings surroundings{events_, metrics_};
  surroundings.complain = settings.on_complaint;
  surroundings.mirror = rows_.get();
  auto node = node::Node::open(*config, std::move(*state), std::move(surroundings));
  if (!node) return fail(node.error());
  node_ = std::move(*node);
  return node_->start();
}

Expected<Broker> Broker::open(BrokerConfig config) {
  if (config.directory.empty())
    return std::unexpected(Failure{.reason = Reason::invalid_argument, .what = "BrokerConfig::directory is empty"});
  auto state = std::make_unique<State>(config);
  if (auto opened = state->open(config); !opened) return std::unexpected(failure_of(opened.error()));
  return Broker(std::move(state));
}

Broker::Broker(std::unique_ptr<State> state) : state_(std::move(state)) {}
Broker::Broker(Broker&&) noexcept = default;
Broker& Broker::operator=(Broker&&) noexcept = default;
Broker::~Broker() = default;

// The blocking calls: the engine's thread does the work, this one waits.

Expected<void> Broker::put_application(ApplicationSettings settings) {
  return state_->wait_for(state_->put_application(std::move(settings)));
}
Expected<Token> Broker::token(TokenQuery query) { return state_->token_now(std::move(query)); }
Expected<GrantInfo> Broker::import(std::string app, Pair pair) {
  return state_->wait_for(state_->import(std::move(app), std::move(pair)));
}
Expected<GrantInfo> Broker::refresh(std::string app, std::string grant) {
  return state_->wait_for(state_->refresh(std::move(app), std::move(grant)));
}
Expected<std::vector<GrantInfo>> Broker::grants(std::string app, std::string user, std::size_t limit) {
  return state_->wait_for(state_->grants(std::move(app), std::move(user), limit));
}
Expected<Revoked> Broker::revoke(std::string app, std::string grant) {
  return state_->wait_for(state_->revoke(std::move(app), std::move(grant)));
}
Expected<Consent> Broker::connect_url(std::string app, std::string user) {
  return state_->wait_for(state_->connect_url(std::move(app), std::move(user)));
}
Expected<GrantInfo> Broker::finish_consent(Callback callback) {
  return state_->wait_for(state_->finish_consent(std::move(callback)));
}

struct BrokerAccess {
  static Broker::State& state(Broker& broker) { return *broker.state_; }
};

namespace {

/// Runs a task of the engine's on its executor, for whoever awaits it elsewhere.
template <class T>
asio::awaitable<T> on_engine(asio::any_io_executor engine, Task<T> task) {
  auto answer = co_await asio::co_spawn(engine, std::move(task), asio::use_awaitable);
  co_return answer;
}

}  // namespace

asio::awaitable<Expected<Token>> async_token(Broker& broker, TokenQuery query) {
  auto& state = BrokerAccess::state(broker);
  return on_engine(state.executor(), state.token(std::move(query)));
}
asio::awaitable<Expected<GrantInfo>> async_refresh(Broker& broker, std::string app, std::string grant) {
  auto& state = BrokerAccess::state(broker);
  return on_engine(state.executor(), state.refresh(std::move(app), std::move(grant)));
}
asio::awaitable<Expected<Revoked>> async_revoke(Broker& broker, std::string app, std::string grant) {
  auto& state = BrokerAccess::state(broker);
  return on_engine(state.executor(), state.revoke(std::move(app), std::move(grant)));
}
asio::awaitable<Expected<GrantInfo>> async_finish_consent(Broker& broker, Callback callback) {
  auto& state = BrokerAccess::state(broker);
  return on_engine(state.executor(), state.finish_consent(std::move(callback)));
}

}  // namespace keyfob
