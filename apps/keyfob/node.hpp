#pragma once
// Node: everything of one Keyfob process but its listeners and signals, put together from the configuration: state
// directory, master key, store, spool, provider clients, engine, gatekeeper, API.

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "access/gate.hpp"
#include "api/api.hpp"
#include "apps/keyfob/node_state.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "engine/engine.hpp"
#include "ports/event_sink.hpp"
#include "ports/request_log.hpp"
#include "ports/row_mirror.hpp"

namespace keyfob::node {

/// What the composition is told from outside. The sinks must outlive the node.
struct NodeSurroundings {
  EventSink& events;
  Metrics& metrics;
  std::function<bool()> ready{};
  std::function<bool()> draining{};
  RowMirror* mirror = nullptr;     ///< takes the place of [store]; outlives the node
  RequestLog* requests = nullptr;  ///< null: no line is written for a request; outlives the node
  std::function<std::string()> metrics_text{};
  std::function<void(std::string)> complain{};  ///< what was found damaged and left as it is, with what to do
};

/// Used from the thread that opened it, which must not be one of its own; api(), gate() and engine() as they say.
class Node {
 public:
  /// Opens everything; nothing is loaded yet. The errors are those of the parts.
  [[nodiscard]] static Result<std::unique_ptr<Node>> open(const config::Config& config, NodeState state,
                                                          NodeSurroundings surroundings);
  /// Stops within a second if stop() was not called.
  virtual ~Node() = default;

  /// The directory alone: all that a command needs that ends soon; again at any time, to look for changes. damaged:
  /// the master key does not fit.
  virtual Result<void> load() = 0;
  /// Everything: recovery first, then background work.
  virtual Result<void> start() = 0;
  /// Flights under way get `patience` to end.
  virtual void stop(Milliseconds patience) = 0;

  /// Runs one request as `admission` and waits for its answer.
  virtual http::Response handle(http::Request request, std::shared_ptr<const Admission> admission) = 0;

  [[nodiscard]] virtual api::Api& api() = 0;
  [[nodiscard]] virtual access::Gate& gate() = 0;
  [[nodiscard]] virtual engine::Engine& engine() = 0;
  [[nodiscard]] virtual RequestLog* requests() = 0;
  /// Null before load() or start().
  [[nodiscard]] virtual AuditLog* audit() = 0;
  [[nodiscard]] virtual const Clock& clock() const = 0;
  [[nodiscard]] virtual const NodeState& state() const = 0;
  /// Where API handlers and name resolution run; not the engine's.
  [[nodiscard]] virtual asio::any_io_executor background() = 0;
};

}  // namespace keyfob::node
