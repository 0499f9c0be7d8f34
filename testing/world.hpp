#pragma once
// World: one node with the real engine over a memory store and a scripted provider, under virtual time. Store, spool
// and provider outlive the engine, so `restart()` is a crash.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "engine/engine.hpp"
#include "store/memory/memory_store.hpp"
#include "testing/fake_clock.hpp"
#include "testing/fakes.hpp"
#include "testing/faulty_store.hpp"
#include "testing/scripted_idp.hpp"

namespace keyfob::testing {

class World {
 public:
  World();
  ~World();

  /// Runs a task to its end, moving virtual time from sleeper to sleeper.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    auto body = [&result](Task<T> t) -> Task<void> { result.emplace(co_await std::move(t)); };
    asio::co_spawn(*node_context, body(std::move(task)), [](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
    });
    run_until([&] { return result.has_value(); });
    return std::move(*result);
  }
  void run_until(const std::function<bool()>& done, Milliseconds at_most = hours(2));
  /// Lets this much time pass.
  void pass(Milliseconds d);

  /// kill -9: the engine is gone with everything it had in memory; then a new one starts.
  void crash();
  void restart();

  AppId add_app(const std::string& name = "fleet");
  Grant import(const std::string& user, const std::string& vehicle, Milliseconds expires_in = hours(2));
  std::expected<GrantToken, TokenFailure> get(const std::string& vehicle, Milliseconds patience = seconds(30));
  GrantRecord stored(const Grant& grant);
  /// The refresh token that is stored for this grant now, in the clear.
  std::string stored_refresh_token(const Grant& grant);

  asio::io_context context;                        ///< the callers'
  std::unique_ptr<asio::io_context> node_context;  ///< the node's: its coroutines end with it
  FakeClock clock;
  SeededRandom random{7};
  MemoryStore store{clock};
  FaultyRefreshStore refreshes{store};
  SlowReader reads{store, clock};
  MemorySpool spool;
  ScriptedIdp idp{clock};
  FakeMasterKey master;
  RecordingEvents events;
  RecordingMetrics metrics;
  engine::EngineConfig config;
  ProviderProfile profile;  ///< of the only provider; a change holds from the next restart on
  std::vector<KeyProvider*> other_masters{};
  AppId app;
  std::unique_ptr<engine::Engine> engine;

 private:
  void start();
  bool step();
  bool poll();
  std::uint64_t incarnation_ = 0;
};

}  // namespace keyfob::testing
