#pragma once
// Front: takes every request, finds its route, lets planned faults strike, keeps the log.

#include <boost/asio/awaitable.hpp>

#include "http/beast_server.hpp"
#include "web/router.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {

/// One thread: the executor of its coroutine must be single-threaded. Sim and Front outlive what they answer.
class Front {
 public:
  explicit Front(Sim& sim) : sim_(sim) {}

  [[nodiscard]] boost::asio::awaitable<http::StagedResponse> handle(http::Request request);

 private:
  /// One request from its arrival to its answer.
  struct Visit {
    http::Request request;
    LogEntry entry;
    std::string path;
    std::string query;
    Router::Match match;
    std::optional<Fault> fault{};
  };

  [[nodiscard]] Visit receive(http::Request request);
  [[nodiscard]] http::StagedResponse answer(Visit& visit);
  [[nodiscard]] http::StagedResponse act(const Route& route, Call& call, const std::optional<Fault>& fault);
  [[nodiscard]] std::optional<Fault> fault_for(const Visit& visit);
  /// After a request that may have changed something.
  void note_changes(const Route& route);
  [[nodiscard]] boost::asio::awaitable<void> wait_for(Fault fault);

  Sim& sim_;
  Router router_;
};

}  // namespace keyfob::sim
