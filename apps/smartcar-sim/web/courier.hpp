#pragma once
// Courier: sends what webhooks are told, by the clock of the simulator.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "web/sim.hpp"

namespace keyfob::sim {

/// Runs on the simulator's one thread. The Sim outlives it; it must be gone before the executor's context is.
class Courier {
 public:
  /// From now on Sim::changed reaches it.
  Courier(Sim& sim, boost::asio::any_io_executor executor);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

 private:
  struct State;
  static boost::asio::awaitable<void> deliver_what_is_due(std::shared_ptr<State> state);
  static boost::asio::awaitable<void> deliver(std::shared_ptr<State> state, Delivery delivery);
  std::shared_ptr<State> state_;
};

}  // namespace keyfob::sim
