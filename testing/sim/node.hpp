#pragma once
// Node: one simulated Keyfob process: the real engine on an executor of its own, its links, its disk. A crash destroys
// every coroutine at the suspension point where it stands.

#include <boost/asio/io_context.hpp>
#include <memory>

#include "testing/fakes.hpp"
#include "testing/sim/disk.hpp"
#include "testing/sim/provider_link.hpp"
#include "testing/sim/store_link.hpp"

namespace keyfob::simulated {

/// What the engine of a node is given; a mutant replaces some of it by something broken.
struct NodePorts {
  GrantReader* reader = nullptr;
  RefreshStore* refreshes = nullptr;
  LatePairs* late_pairs = nullptr;
  DueStore* due = nullptr;
  HealthStore* health = nullptr;
  TokenEndpoint* endpoint = nullptr;
  Spool* spool = nullptr;
  Clock* clock = nullptr;
  bool* ready = nullptr;
  std::vector<std::shared_ptr<void>> broken{};  ///< what a mutant put in between
};

struct Mutant;

/// Counts nothing but what the promise is about.
class LossCounter final : public Metrics {
 public:
  void count(std::string_view, std::string_view, double) override {}
  void gauge(std::string_view, double, std::string_view) override {}
  void observe(std::string_view, Milliseconds, std::string_view) override {}
};

class NoEvents final : public EventSink {
 public:
  void emit(const Event&) override {}
};

class Node {
 public:
  Node(Stage& stage, int index, const Mutant* mutant);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void start();
  void crash();
  /// One handler runs. False: nothing was ready.
  bool step();

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] bool running() const { return context_ != nullptr; }
  /// Something may be ready to run.
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] int index() const { return index_; }
  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] Disk& disk() { return disk_; }
  [[nodiscard]] NodeClock& clock() { return clock_; }
  [[nodiscard]] asio::io_context& context() {
    ready_ = true;
    return *context_;
  }

 private:
  Stage& stage_;
  int index_;
  const Mutant* mutant_;
  bool ready_ = false;
  bool up_ = false;
  std::uint64_t incarnation_ = 0;
  NodeClock clock_;
  StoreLink store_;
  ProviderLink provider_;
  Disk disk_;
  testing::SeededRandom random_;
  testing::FakeMasterKey master_;
  NoEvents events_;
  LossCounter metrics_;
  NodePorts ports_;
  std::unique_ptr<asio::io_context> context_;
  std::unique_ptr<engine::Engine> engine_;
};

}  // namespace keyfob::simulated
