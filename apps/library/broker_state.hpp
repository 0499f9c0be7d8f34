#pragma once
// Broker::State: a node of the daemon's composition without listeners, and the public calls on its engine.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <string>

#include <keyfob/broker.hpp>
#include "apps/keyfob/node.hpp"
#include "ports/async.hpp"
#include "telemetry/null_metrics.hpp"

namespace keyfob {
namespace library {

class EventCalls final : public EventSink {
 public:
  explicit EventCalls(std::function<void(const BrokerEvent&)> on_event) : on_event_(std::move(on_event)) {}
  void emit(const Event& event) override;

 private:
  std::function<void(const BrokerEvent&)> on_event_;
};

/// The caller's store as the store of ours that mirrors its rows sees it.
class OwnRows final : public keyfob::RowMirror {
 public:
  explicit OwnRows(std::shared_ptr<RowStore> store) : store_(std::move(store)) {}
  Result<MirroredRows> load() override;
  Result<void> apply(const MirrorBatch& batch) override;

 private:
  std::shared_ptr<RowStore> store_;
};

}  // namespace library

/// Tasks run on the engine's executor; executor() and wait_for() from any other thread.
class Broker::State {
 public:
  explicit State(const BrokerConfig& settings);
  ~State();
  Result<void> open(const BrokerConfig& settings);

  [[nodiscard]] asio::any_io_executor executor() { return node_->engine().executor(); }
  template <class T>
  T wait_for(Task<T> task) {
    return asio::co_spawn(executor(), std::move(task), asio::use_future).get();
  }

  /// Any thread: from memory if it is there, else by the engine.
  Expected<Token> token_now(TokenQuery query);

  Task<Expected<void>> put_application(ApplicationSettings settings);
  Task<Expected<Token>> token(TokenQuery query);
  Task<Expected<GrantInfo>> import(std::string app, Pair pair);
  Task<Expected<GrantInfo>> refresh(std::string app, std::string grant);
  Task<Expected<std::vector<GrantInfo>>> grants(std::string app, std::string user, std::size_t limit);
  Task<Expected<Revoked>> revoke(std::string app, std::string grant);
  Task<Expected<Consent>> connect_url(std::string app, std::string user);
  Task<Expected<GrantInfo>> finish_consent(Callback callback);

 private:
  [[nodiscard]] Expected<AppId> app_named(const std::string& name);

  library::EventCalls events_;
  telemetry::NullMetrics metrics_;
  std::unique_ptr<library::OwnRows> rows_;
  std::unique_ptr<node::Node> node_;  // after what it uses
};

}  // namespace keyfob
